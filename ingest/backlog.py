"""Tries the other half of an acknowledgement again, after one half was enough for the person to be told.

Bounded in number and time. What is given up is logged: the half that was saved decides alone then.
"""

import asyncio

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from ingest import metrics


log = structlog.get_logger("ackline.ingest")

MAX_WAITING = 1_000
_GIVE_UP_AFTER = timedelta(minutes=15)
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0

Attempt = Callable[[], Awaitable[bool]]
"""Tries once; True when it is done."""


class Backlog:
    """Attempts that go on in the background until they succeed or time is up."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, what: str, incident_id: str, attempt: Attempt) -> None:
        """Try in the background. `what` names the half, for the log."""
        if len(self._tasks) >= MAX_WAITING:
            log.warning("acknowledgement_half_given_up", half=what, incident_id=incident_id, reason="backlog full")
            return
        task = asyncio.create_task(_try(what, incident_id, attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        metrics.BACKLOG.set(len(self._tasks))

    async def close(self, longest: timedelta) -> None:
        """Give what is left one more chance, and then give it up."""
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=longest.total_seconds())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _try(what: str, incident_id: str, attempt: Attempt) -> None:
    pause = _FIRST_PAUSE
    try:
        async with asyncio.timeout(_GIVE_UP_AFTER.total_seconds()):
            while not await attempt():
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
    except (TimeoutError, asyncio.CancelledError) as problem:
        log.warning("acknowledgement_half_given_up", half=what, incident_id=incident_id, reason=type(problem).__name__)
        raise
    log.info("acknowledgement_half_made_up", half=what, incident_id=incident_id)
