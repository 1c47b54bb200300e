"""Notifier: pages from Kafka to the stand-in, in one lane and over many, against bare loops of HTTP clients."""

import asyncio
import sys

from collections.abc import AsyncIterator
from dataclasses import dataclass

from bench import topics
from bench.alerts import name, page
from bench.figures import Figure, rate
from bench.ground import Ground, Site, site
from bench.measure import Bench, Scale
from bench.processes import told, until
from bench.topics import named
from streams.topics import Topic


MANY = 1_000
"""Lanes, where there are many."""
_CONNECTIONS = 256
"""What the notifiers open to one destination at most."""
_GOAL = 3_500
_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Case:
    lanes: int
    answer_ms: int
    count: int

    @property
    def words(self) -> str:
        return f"{self.lanes:,} lane{'s' * (self.lanes > 1)}, answers after {self.answer_ms} ms"

    @property
    def connections(self) -> int:
        return min(self.lanes, _CONNECTIONS)


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Pages a second of one process, in one lane and over 1,000, with answers after 0 and 200 ms."""
    cases = [
        _Case(1, 0, scale.of(3_000, 500)),
        _Case(MANY, 0, scale.of(20_000, 4_000)),
        _Case(1, 200, 50),
        _Case(MANY, 200, 6_000),
    ]
    async with site(ground, "notifier", keys=MANY) as here:
        first = 0
        for case in cases[:2] if scale.is_quick else cases:
            await here.stand_in.answer_after(case.answer_ms / 1000)
            ours = await _ours(here, case, first)
            bare = {client: await _bare(here, case, client, scale.of(5, 2)) for client in ("aiohttp", "httpx")}
            first += case.count
            goal = _GOAL if case.lanes > 1 and not case.answer_ms else None
            yield Figure(name=case.words, value=ours, unit="pages/s", limit=bare["aiohttp"], at_least=goal)
            yield Figure(name=f"{case.words}: bare httpx", value=bare["httpx"], unit="posts/s", limit=bare["aiohttp"])


async def _ours(here: Site, case: _Case, first: int) -> float:
    kafka, numbers = here.settings.kafka, range(first, first + case.count)
    given = [page(number, case.lanes) for number in numbers]
    await topics.write(kafka, named(kafka, Topic.PAGERDUTY_EVENTS), given)
    notifiers = await here.start("notifiers")

    async def all_came() -> bool:
        return await here.stand_in.count("pagerduty") >= first + case.count

    await until(all_came, f"{case.count} pages at the stand-in", _SECONDS, notifiers, every=0.2)
    await asyncio.sleep(1.5)  # What is delivered, it commits.
    await notifiers.stop()
    names = {name(number) for number in numbers}
    return rate([call.at for call in await here.stand_in.calls("pagerduty") if call.name in names])


async def _bare(here: Site, case: _Case, client: str, seconds: int) -> float:
    how = ["--client", client, "--connections", str(case.connections), "--seconds", str(seconds)]
    url = f"{here.stand_in.url}/bare"
    found = await told([sys.executable, "-m", "bench.limits.clients", *how, url])
    return float(found["per_second"])


NOTIFIER = Bench(
    name="notifier", measure=measure, against="a bare aiohttp loop with as many connections", in_quick=True
)
