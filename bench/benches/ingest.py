"""Ingest: alerts in by HTTP, durable in Kafka before they are answered, against a bare route that does the same."""

from collections.abc import AsyncIterator, Sequence

from bench import topics
from bench.figures import CannotMeasure, Figure
from bench.ground import Ground, Site, site
from bench.load.closed import Answered, load
from bench.measure import Bench, Scale
from bench.processes import Process
from streams.topics import Topic


_GOALS = {(64, 1): 5_000, (64, 2): 8_000}
"""Requests a second, by connections and processes."""
_P99_MS = 50
_P50_OF_ONE_MS = 1.5


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Requests a second and their latency, durable, over 1, 16 and 64 connections to 1 and 2 processes."""
    cases = [(1, 1), (64, 1), (64, 2)] if scale.is_quick else [(1, 1), (16, 1), (64, 1), (1, 2), (16, 2), (64, 2)]
    seconds = scale.of(10, 3)
    async with site(ground, "ingest") as here:
        ours = [await here.start("ingest", number) for number in (1, 2)]
        bare = [await here.start_route(number) for number in (1, 2)]
        found: list[tuple[Answered, Answered]] = []
        for connections, processes in cases:
            # One after the other: what else the machine does meanwhile is the same for both.
            found.append((
                await _loaded(ours[:processes], connections, seconds),
                await _loaded(bare[:processes], connections, seconds),
            ))  # fmt: skip
        await _all_durable(here, Topic.ALERTS, [each for each, _ in found])
        await _all_durable(here, topics.LIMIT_TOPICS[0], [each for _, each in found])
    for case, each in zip(cases, found, strict=True):
        for figure in _figures(case, *each):
            yield figure


async def _loaded(processes: Sequence[Process], connections: int, seconds: int) -> Answered:
    urls = [f"{process.url}/api/incidents" for process in processes]
    await load(urls, connections, 1)
    return await load(urls, connections, seconds)


async def _all_durable(here: Site, topic: Topic | str, found: Sequence[Answered]) -> None:
    """What was answered must be in Kafka, or the figures say nothing."""
    answered = sum(each.count for each in found)
    async with topics.reading(here.settings.kafka) as reading:
        durable = await reading.count(topics.named(here.settings.kafka, topic))
    if durable < answered:
        raise CannotMeasure(f"{answered} alerts were answered with 201, and {durable} are in Kafka")


def _figures(case: tuple[int, int], ours: Answered, bare: Answered) -> list[Figure]:
    connections, processes = case
    words = f"{connections} connection{'s' * (connections > 1)}, {processes} process{'es' * (processes > 1)}"
    goal = _GOALS.get(case)
    return [
        Figure(name=words, value=ours.per_second, unit="requests/s", limit=bare.per_second, at_least=goal),
        Figure(name=f"{words}, p50", value=ours.p50_ms, unit="ms", limit=bare.p50_ms,
               at_most=_P50_OF_ONE_MS if case == (1, 1) else None),
        Figure(name=f"{words}, p99", value=ours.p99_ms, unit="ms", limit=bare.p99_ms,
               at_most=_P99_MS if goal else None),
    ]  # fmt: skip


INGEST = Bench(name="ingest", measure=measure, against="a bare FastAPI route with the same producer", in_quick=True)
