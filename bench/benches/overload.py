"""Overload: far more comes in than can go out, for ten minutes. What waits must wait in Kafka and not in memory."""

import asyncio

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence

from bench.figures import Figure
from bench.ground import ROLES, Ground, site
from bench.load.steady import PAGED_AT_ONCE, load
from bench.measure import Bench, Scale
from bench.processes import Process


_PER_SECOND = 500
_ANSWER_SECONDS = 0.2


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Memory of each role while 500 alerts/s come in and 160 pages/s can go out, for 10 minutes."""
    seconds = scale.of(600, 10)
    async with site(ground, "overload") as here:
        await here.stand_in.answer_after(_ANSWER_SECONDS)
        running = [await here.start(role) for role in ROLES]
        url = running[ROLES.index("ingest")].url + PAGED_AT_ONCE
        loading = asyncio.create_task(load(url, _PER_SECOND, seconds, 0))
        memory = await _watched(running, loading)
        await loading
    for role, values in memory.items():
        yield _figure(role, values)


async def _watched(running: Sequence[Process], loading: asyncio.Task[object]) -> Mapping[str, list[float]]:
    """The memory of each process in MB, every second."""
    memory: defaultdict[str, list[float]] = defaultdict(list)
    while not loading.done():
        for process in running:
            memory[process.name.partition("-")[0]].append(process.rss_mb())
        await asyncio.wait({loading}, timeout=1)
    return memory


def _figure(role: str, values: Sequence[float]) -> Figure:
    """The most, beside the most of the first half: bounded is what does not grow any more in the second."""
    half = values[: len(values) // 2 + 1]
    return Figure(name=f"{role}, most memory", value=max(values), unit="MB", limit=max(half))


OVERLOAD = Bench(name="overload", measure=measure, against="the most memory in the first half", rounds=1)
