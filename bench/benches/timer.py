"""Timer: how late pages are, decided (durable in `pagerduty-events`) and delivered (at the stand-in)."""

import asyncio
import random

from collections.abc import AsyncIterator, Sequence

from bench import topics
from bench.alerts import deadline, now_ms
from bench.figures import Figure, spread
from bench.ground import KEYS, Ground, Site, site
from bench.measure import Bench, Scale
from bench.processes import Process
from bench.processes import until as wait_until
from bench.topics import Given, Reading, named
from streams.codec import decode
from streams.topics import Table, Topic


_WITHIN_MS = 3_000
_INTAKE_PER_SECOND = 1_000
"""So fast a worker surely takes deadlines in: the first is due when all should be there."""
_SECONDS = 600.0
_DAY_MS = 24 * 60 * 60 * 1000
_AHEAD_MS = 3_000
# Goals of full runs: fewer deadlines are easier.
_BURST_P99_SECONDS = 5.0
_STEADY_P99_SECONDS = 1.0


async def burst(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Lateness when 100,000 deadlines pass within 3 s, with 1 and with 2 workers."""
    count = scale.of(100_000, 4_000)
    for workers in (2,) if scale.is_quick else (1, 2):
        for figure in await _burst(
            ground, workers, count, None if scale.is_quick or workers == 1 else _BURST_P99_SECONDS
        ):
            yield figure


async def _burst(ground: Ground, workers: int, count: int, goal: float | None) -> list[Figure]:
    words, choose = f"{workers} worker{'s' * (workers > 1)}", random.Random(count)  # noqa: S311  # repeatable
    async with site(ground, "burst") as here, topics.reading(here.settings.kafka) as reading:
        running = [await here.start("streams", number + 1) for number in range(workers)]
        running.append(await here.start("notifiers"))
        first_ms = now_ms() + 5_000 + 1_000 * count // _INTAKE_PER_SECOND
        given = (deadline(number, first_ms + choose.randrange(_WITHIN_MS), KEYS) for number in range(count))
        await topics.write(here.settings.kafka, named(here.settings.kafka, Topic.DELAYS), given)
        await asyncio.sleep((first_ms - now_ms()) / 1000)
        taken_in = await reading.count(named(here.settings.kafka, Table.DEADLINES))
        decided, delivered = await _lateness(here, reading, count, running)
    return [
        Figure(name=f"{words}, deadlines taken in before the first was due", value=100 * min(1, taken_in / count),
               unit="%"),
        *spread(f"{words}, decided", decided, "s late", at_most=goal),
        *spread(f"{words}, delivered", delivered, "s late"),
    ]  # fmt: skip


async def steady(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Lateness when 1,000 deadlines pass each second, and 100,000 are pending."""
    pending, seconds = scale.of(100_000, 3_000), scale.of(30, 6)
    async with site(ground, "steady") as here, topics.reading(here.settings.kafka) as reading:
        running = [await here.start("streams"), await here.start("notifiers")]
        kafka, far_ms = here.settings.kafka, now_ms() + _DAY_MS
        await topics.write(kafka, named(kafka, Topic.DELAYS), (deadline(n, far_ms, KEYS) for n in range(pending)))
        await reading.until(named(kafka, Table.DEADLINES), pending, _SECONDS, *running)
        for second in range(seconds):
            begun_ms = now_ms()
            await topics.write(kafka, named(kafka, Topic.DELAYS), _a_second(pending + 1_000 * second, begun_ms))
            await asyncio.sleep(max(0, begun_ms + 1_000 - now_ms()) / 1000)
        decided, delivered = await _lateness(here, reading, 1_000 * seconds, running)
    for figure in (
        *spread("decided", decided, "s late", at_most=None if scale.is_quick else _STEADY_P99_SECONDS),
        *spread("delivered", delivered, "s late"),
    ):
        yield figure


def _a_second(first: int, begun_ms: int) -> list[Given]:
    """A thousand deadlines that pass evenly in one second, a while ahead."""
    return [deadline(first + each, begun_ms + _AHEAD_MS + each, KEYS) for each in range(1_000)]


async def _lateness(
    here: Site, reading: Reading, count: int, running: Sequence[Process]
) -> tuple[list[float], list[float]]:
    """Seconds by which pages were late: durable in Kafka, and at the stand-in."""
    events = named(here.settings.kafka, Topic.PAGERDUTY_EVENTS)
    await reading.until(events, count, _SECONDS, *running)

    async def all_came() -> bool:
        return await here.stand_in.count("pagerduty") >= count

    await wait_until(all_came, f"{count} pages at the stand-in", _SECONDS, *running, every=0.2)
    decided = [
        (record.timestamp - decode(Topic.PAGERDUTY_EVENTS, record.value).due_ms) / 1000
        async for record in reading.records(events)
    ]
    delivered = [call.at - call.due for call in await here.stand_in.calls("pagerduty") if call.due is not None]
    return decided, delivered


BURST = Bench(name="burst", measure=burst, against="its goal", in_quick=True)
STEADY = Bench(name="steady", measure=steady, against="its goal")
