"""Fan-out: what one streams worker makes of alerts that lie in Kafka, against a loop that copies each twice."""

import time

from collections.abc import AsyncIterator

from bench import topics
from bench.alerts import alerts
from bench.figures import Figure, rate
from bench.ground import Ground, Site, site
from bench.measure import Bench, Scale
from bench.topics import Reading, named
from streams.topics import Table, Topic


_GOAL = 6_000
_SECONDS = 300.0


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Alerts a second through one worker, 2.7 kB each: of new groups, with their deadlines, and repeated."""
    count = scale.of(50_000, 4_000)
    async with site(ground, "fan-out") as here, topics.reading(here.settings.kafka) as reading:
        await _write(here, count)
        bare = await _bare(here, reading, count)
        new, scheduled = await _new(here, reading, count)
        yield Figure(name="new groups", value=new, unit="alerts/s", limit=bare, at_least=_GOAL)
        yield Figure(name="new groups, until their deadlines are kept", value=scheduled, unit="alerts/s", limit=bare)
        await _write(here, count)
        repeated = await _repeated(here, reading, count)
        yield Figure(name="repeats", value=repeated, unit="alerts/s", limit=bare)


async def _write(here: Site, count: int) -> None:
    kafka = here.settings.kafka
    await topics.write(kafka, named(kafka, Topic.ALERTS), alerts(range(count)))


async def _bare(here: Site, reading: Reading, count: int) -> float:
    kafka = here.settings.kafka
    source, targets = named(kafka, Topic.ALERTS), [named(kafka, name) for name in topics.LIMIT_TOPICS[1:]]
    loop = here.start_loop(source, targets)
    for target in targets:
        await reading.until(target, count, _SECONDS, loop)
    await loop.kill()
    return rate(await reading.moments(*targets)) / len(targets)


async def _new(here: Site, reading: Reading, count: int) -> tuple[float, float]:
    kafka, worker = here.settings.kafka, await here.start("streams")
    out = [named(kafka, topic) for topic in (Topic.SLACK_NOTIFICATIONS, Topic.DELAYS)]
    kept = named(kafka, Table.DEADLINES)
    for name in (*out, kept):
        await reading.until(name, count, _SECONDS, worker)
    await worker.stop()
    moments = await reading.moments(*out)
    began, scheduled = min(moments), await reading.moments(kept)
    return rate(moments) / len(out), count / (max(scheduled) - began)


async def _repeated(here: Site, reading: Reading, count: int) -> float:
    log, began = named(here.settings.kafka, Topic.INCIDENT_LOG), time.time()
    before = await reading.count(log)
    worker = await here.start("streams", 1)
    await reading.until(log, before + count, _SECONDS, worker)
    await worker.stop()
    return rate([moment for moment in await reading.moments(log) if moment > began])


FAN_OUT = Bench(name="fan-out", measure=measure, against="a bare aiokafka loop on the same records", in_quick=True)
