"""The day itself: seeded incidents at an even pace, lived through to their ends, while one thing after the other is harmed."""

import asyncio
import signal
import time

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from faults.arrivals import Arrivals
from faults.deployment import Deployment
from faults.load import Load
from faults.plan import MIX, Kind, plans
from faults.topics import count_in, ledger
from faults.verdict import SECOND_ROUND, Expected, Result, count
from streams.acks import REDIS_REST_SECONDS
from streams.topics import Topic


_CHANNELS = tuple(f"C{number}" for number in range(1_000))
"""Slack takes one message a second for each of them, and a day has many."""
_OUTAGE_SECONDS = 3.0
_STILL_SECONDS = 10.0
_CLAIM_SECONDS = 1.0
"""Within so long a question to Redis ends, one way or the other."""
_SETTLED_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Day:
    """What was recorded, and what is known of it from outside."""

    from_ms: int
    to_ms: int
    incidents: int
    owed: int
    """Of them, those with on-call on."""
    pages: int
    """What PagerDuty was told to open."""
    opened_again: int
    """How often PagerDuty has opened one of them once more: it had been resolved, and then its trigger came again."""
    second_rounds: int
    """Of them, those of second rounds."""
    result: Result
    """What of it is not as it must be, as the fault suite counts it."""


@dataclass(slots=True)
class _Away:
    """When Redis was stopped, and when it answered again."""

    from_ms: int = 0
    to_ms: int = 0

    def covers(self, at_ms: int) -> bool:
        """Whether a page that was decided then could not be claimed: the timer leaves Redis alone for a while after it
        got no answer."""
        return self.from_ms <= at_ms <= self.to_ms + (REDIS_REST_SECONDS + _CLAIM_SECONDS) * 1000


async def recorded(deployment: Deployment, *, incidents: int, per_second: float, seed: int) -> Day:
    """Live through a day, and come to rest."""
    from_ms = time.time_ns() // 1_000_000
    arrivals = Arrivals(deployment.sandbox)
    planned = plans("day", seed, mix=(*MIX, Kind.GROWN), channels=_CHANNELS)
    load = Load(deployment.http, arrivals, planned)
    away = _Away()
    strikes = [*_strikes(deployment, away)]
    async with asyncio.TaskGroup() as running:
        harm = running.create_task(_harmed(strikes, incidents / per_second / (len(strikes) + 1)))
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        # So many, and as many more as it takes until the last harm is done.
        while number < incidents or not harm.done():
            number += 1
            running.create_task(load.live(next(planned)))
            # By the clock: sleeping so long each time would send fewer.
            await asyncio.sleep(began + number / per_second - loop.time())
    await load.deadlines_passed()
    await _at_rest(deployment)
    result = Result(fault="day", seed=seed, rounds=len(strikes))
    read = await ledger(deployment.settings)
    unclaimed = {key: at_ms for key, at_ms in read.escalated_ms.items() if away.covers(at_ms)}
    count(result, load.stories, arrivals, read, Expected(opened_again=True, unclaimed=unclaimed))
    opened = deployment.sandbox.pagerduty_incidents
    keys = {page.dedup_key for page in opened}
    return Day(
        from_ms=from_ms,
        to_ms=time.time_ns() // 1_000_000,
        incidents=len(load.stories),
        owed=sum(story.plan.kind is not Kind.OFF for story in load.stories),
        pages=len(keys),
        opened_again=len(opened) - len(keys),
        second_rounds=sum(key.endswith(SECOND_ROUND) for key in keys),
        result=result,
    )


async def _harmed(strikes: list[Callable[[], Coroutine[Any, Any, None]]], every_seconds: float) -> None:
    for strike in strikes:
        await asyncio.sleep(every_seconds)
        await strike()


def _strikes(deployment: Deployment, away: _Away) -> Iterator[Callable[[], Coroutine[Any, Any, None]]]:
    """All that happens on this day, in its order."""
    for role in ("streams", "notifiers", "ingest"):
        for how in (signal.SIGKILL, signal.SIGTERM):
            yield partial(_struck, deployment, role, how)
    yield partial(_redis_away, deployment, away)
    yield partial(_stopped, deployment, "kafka")


async def _struck(deployment: Deployment, role: str, how: signal.Signals) -> None:
    pid = await deployment.signal(role, how)
    await deployment.until_ready(role, not_pid=pid)


async def _redis_away(deployment: Deployment, away: _Away) -> None:
    away.from_ms = time.time_ns() // 1_000_000
    await _stopped(deployment, "redis")
    away.to_ms = time.time_ns() // 1_000_000


async def _stopped(deployment: Deployment, server: Any) -> None:
    await deployment.servers.stop(server)
    await asyncio.sleep(_OUTAGE_SECONDS)
    await deployment.servers.start(server)


async def _at_rest(deployment: Deployment) -> None:
    """Until nothing is written any more for a while: all is told and delivered."""
    seen, since = -1, 0.0

    async def is_still() -> bool:
        nonlocal seen, since
        now = time.monotonic()
        found = sum([await count_in(deployment.settings, topic) for topic in Topic if topic is not Topic.TICKS])
        if found != seen:
            seen, since = found, now
        return now - since > _STILL_SECONDS

    await deployment.until(is_still, "nothing is on its way any more", _SETTLED_SECONDS)
