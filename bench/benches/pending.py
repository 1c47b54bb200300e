"""Pending: what deadlines cost that are far ahead. Memory and an idle tick must not grow with them."""

import asyncio
import shutil
import time

from collections.abc import AsyncIterator

from bench import topics
from bench.alerts import deadline, now_ms
from bench.figures import Figure
from bench.ground import KEYS, Ground, Site, site
from bench.measure import Bench, Scale
from bench.processes import Process
from bench.topics import Reading, named
from streams.topics import Table, Topic


_FAR_MS = 2 * 24 * 60 * 60 * 1000
_SECONDS = 3_600.0
_LARGEST = 1_000_000
_RSS_MB, _TICK_MS, _RESTART_SECONDS = 400, 5, 20


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Memory, disk, the cost of an idle tick and of a restart, with 10,000, 100,000 and 1,000,000 pending."""
    counts, idle = ([2_000, 8_000], 4) if scale.is_quick else ([10_000, 100_000, _LARGEST], 20)
    async with site(ground, "pending") as here, topics.reading(here.settings.kafka) as reading:
        before, first = 0, list[Figure]()
        for count in counts:
            figures = await _with(here, reading, before, count, idle)
            first = first or figures
            before = count
            for figure, least in zip(figures, first, strict=True):
                yield _beside(figure, count, least.value)


def _beside(figure: Figure, count: int, least: float) -> Figure:
    """Beside what it was with the fewest pending: what must stay flat has a ratio of 1."""
    goals = {"memory": _RSS_MB, "idle tick": _TICK_MS, "restart on the same disk": _RESTART_SECONDS}
    return Figure(name=f"{count:,}, {figure.name}", value=figure.value, unit=figure.unit, limit=least,
                  at_most=goals.get(figure.name) if count == _LARGEST else None)  # fmt: skip


async def _with(here: Site, reading: Reading, before: int, count: int, idle: float) -> list[Figure]:
    kafka, worker = here.settings.kafka, await here.start("streams")
    due_ms = now_ms() + _FAR_MS
    new = (deadline(number, due_ms + number % 1_000_000, KEYS) for number in range(before, count))
    await topics.write(kafka, named(kafka, Topic.DELAYS), new)
    await reading.until(named(kafka, Table.DEADLINES), count, _SECONDS, worker)
    await asyncio.sleep(5)  # What it has taken in, it commits.
    rss, tick = worker.rss_mb(), await _idle_tick_ms(here, worker, idle)
    disk = here.disk_bytes("streams") / 1e6
    await worker.stop()
    restart = await _start_seconds(here)
    await asyncio.to_thread(shutil.rmtree, here.state_of("streams"))
    rebuild = await _start_seconds(here)
    return [
        Figure(name="memory", value=rss, unit="MB"),
        Figure(name="disk", value=disk, unit="MB"),
        Figure(name="idle tick", value=tick, unit="ms"),
        Figure(name="restart on the same disk", value=restart, unit="s"),
        Figure(name="rebuild on an empty disk", value=rebuild, unit="s"),
    ]


async def _idle_tick_ms(here: Site, worker: Process, seconds: float) -> float:
    """All that an idle worker uses of the processor, for each tick of each partition."""
    settings, before = here.settings, worker.cpu_seconds()
    await asyncio.sleep(seconds)
    ticks = seconds / settings.timer.tick.total_seconds() * settings.kafka.partitions
    return 1000 * (worker.cpu_seconds() - before) / ticks


async def _start_seconds(here: Site) -> float:
    """From the start of a worker until it says that it is ready."""
    began = time.monotonic()
    worker = await here.start("streams")
    seconds = time.monotonic() - began
    await worker.stop()
    return seconds


PENDING = Bench(name="pending", measure=measure, against="the same with the fewest pending", rounds=1)
