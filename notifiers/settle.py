"""Makes one call again and again until it is settled: delivered, rejected for good, or tried for long enough."""

import asyncio
import itertools
import random

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from notifiers import metrics
from notifiers.contract import Delivered, Outcome, Reason, Rejected, Retry, backoff
from notifiers.job import Job


log = structlog.get_logger("ackline.notifiers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How a destination is called."""

    destination: str
    """`slack` or `pagerduty`."""
    turn: Callable[[], float]
    """Takes a turn in the lane; seconds to wait for it."""
    give_up_at: float | None = None
    """By the loop's clock; None tries for ever. There is always one try."""


async def settle(job: Job, send: Callable[[], Awaitable[Outcome]], patience: Patience) -> Delivered | Rejected:
    """What the call came to in the end.

    Raises:
        Abandoned: the record is somebody else's now.
    """
    for attempt in itertools.count():
        await job.pause(patience.turn())
        outcome = await send()
        if not isinstance(outcome, Retry):
            return outcome
        wait = backoff(attempt, outcome.after_seconds, random.random())  # noqa: S311  # Jitter is no secret.
        if patience.give_up_at is not None and asyncio.get_running_loop().time() + wait > patience.give_up_at:
            return Rejected(Reason.GAVE_UP, f"tried for long enough; the last time: {outcome.reason} {outcome.detail}")
        _tell(job, outcome, patience.destination, attempt, wait)
        await job.pause(wait)
    raise AssertionError  # itertools.count() does not end; mypy cannot know.


def _tell(job: Job, outcome: Retry, destination: str, attempt: int, wait: float) -> None:
    metrics.RETRIED.labels(destination, outcome.reason).inc()
    log.warning(
        "delivery_delayed", destination=destination, incident_id=job.record.incident_id, reason=outcome.reason,
        detail=outcome.detail, attempt=attempt + 1, again_in_seconds=round(wait, 1),
    )  # fmt: skip
