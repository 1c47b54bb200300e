"""Scaling: the fan-out with more workers on the same partitions, against as many times the rate of one."""

from collections.abc import AsyncIterator

from bench import topics
from bench.alerts import alerts
from bench.figures import Figure, rate
from bench.ground import Ground, site
from bench.measure import Bench, Scale
from bench.topics import named
from streams.topics import Topic


_PARTITIONS = 8
_SECONDS = 300.0


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Alerts a second through 1, 2 and 4 workers on 8 partitions, and the processor time for each alert."""
    one: tuple[float, float] | None = None
    for workers in (1, 2) if scale.is_quick else (1, 2, 4):
        per_second, cpu_ms = await _with(ground, workers, scale.of(40_000, 4_000))
        one = one or (per_second, cpu_ms)
        words = f"{workers} worker{'s' * (workers > 1)}"
        yield Figure(name=words, value=per_second, unit="alerts/s", limit=workers * one[0])
        yield Figure(name=f"{words}, processor time for an alert", value=cpu_ms, unit="ms", limit=one[1])


async def _with(ground: Ground, workers: int, count: int) -> tuple[float, float]:
    """Alerts a second, and milliseconds of the processor for each."""
    given = list(alerts(range(count)))
    async with site(ground, "scaling", partitions=_PARTITIONS) as here, topics.reading(here.settings.kafka) as reading:
        kafka = here.settings.kafka
        running = [await here.start("streams", number + 1) for number in range(workers)]
        used = sum(worker.cpu_seconds() for worker in running)
        await topics.write(kafka, named(kafka, Topic.ALERTS), given)
        out = [named(kafka, topic) for topic in (Topic.SLACK_NOTIFICATIONS, Topic.DELAYS)]
        for name in out:
            await reading.until(name, count, _SECONDS, *running)
        used = sum(worker.cpu_seconds() for worker in running) - used
        return rate(await reading.moments(*out)) / len(out), 1000 * used / count


SCALING = Bench(name="scaling", measure=measure, against="as many times the rate of one worker")
