"""A row: one fault, what it excuses, and how it is run — load, fault in the middle of it, quiet, count."""

import asyncio
import itertools
import json
import random
import time

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from faults.arrivals import Arrivals
from faults.deployment import PARTITIONS, Deployment, NotInTime, Surroundings, deployed
from faults.load import Load
from faults.plan import CHANNELS, barrier, plans
from faults.servers import Servers
from faults.topics import delete_all, ledger, partition_of
from faults.verdict import Expected, Result, count


BARRIER_SECONDS = 120.0
_RECEIPTS_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Field:
    """What a fault may act upon."""

    deployment: Deployment
    load: Load
    choose: random.Random
    """Where and when it strikes: repeatable by its seed."""
    rounds: int

    @property
    def servers(self) -> Servers:
        """Kafka and Redis."""
        return self.deployment.servers


Act = Callable[[Field], Awaitable[None]]


class Place(Enum):
    """Beside which others a row is run."""

    BESIDE_OTHERS = auto()
    HARMING = auto()
    """It harms Kafka or Redis: nobody else uses them meanwhile."""
    ALONE = auto()
    """It needs the whole machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault."""

    name: str
    act: Act
    prepare: Act | None = None
    """What is there before the load begins."""
    rounds: int = 1
    """How often it strikes unless `--rounds` says otherwise."""
    place: Place = Place.BESIDE_OTHERS
    expected: Expected = field(default_factory=Expected)
    before: float = 4.0
    after: float = 4.0
    waits: tuple[float, float] = (2.0, 10.0)
    per_second: float = 4.0
    settings: dict[str, Any] = field(default_factory=dict)
    surroundings: Surroundings = Surroundings.PLAIN

    @property
    def words(self) -> str:
        """What happens in it."""
        return (self.act.__doc__ or "").strip().split("\n")[0]


async def run(row: Row, servers: Servers, home: Path, *, seed: int, rounds: int | None) -> Result:
    """Run a row in a pipeline of its own. Never raises for what the pipeline does: that is in the result."""
    result = Result(fault=row.name, seed=seed, rounds=rounds if rounds and row.rounds > 1 else row.rounds)
    began = time.monotonic()
    place = home / f"{row.name}-{int(time.time())}"
    result.logs = str(place)
    try:
        async with deployed(place, servers, row.surroundings, **row.settings) as deployment:
            await _play(row, result, deployment)
        result.unexpected += deployment.problems
        if result.has_passed:
            await delete_all(deployment.settings)
    except (NotInTime, ExceptionGroup, AssertionError) as problem:
        result.unexpected.append(_told(problem))
    if row.place is not Place.BESIDE_OTHERS:
        await servers.mend()
    result.seconds = time.monotonic() - began
    return result


async def _play(row: Row, result: Result, deployment: Deployment) -> None:
    arrivals = Arrivals(deployment.sandbox)
    load = Load(deployment.http, arrivals, plans(row.name, result.seed, row.waits))
    choose = random.Random(f"{row.name} {result.seed}")  # noqa: S311  # repeatable is what it must be
    field = Field(deployment, load, choose, result.rounds)
    try:
        if row.prepare:
            await row.prepare(field)
        # The first alerts find a pipeline that has agreed on who does what: what comes later is the fault's doing.
        await _quiet(row, deployment, arrivals, "before")
        await load.run(row.act(field), before=row.before, after=row.after, per_second=row.per_second)
        await _quiet(row, deployment, arrivals, "after")
    except (NotInTime, ExceptionGroup) as problem:
        result.unexpected.append(_told(problem))
    count(result, load.stories, arrivals, await ledger(deployment.settings), row.expected)
    if row.expected.audited:
        result.unexpected += await _audited(deployment)


async def _audited(deployment: Deployment) -> list[str]:
    """What the pipeline's own records prove to be wrong. How late a page may be is for the row to say."""
    # So that receipts of what has only just come are in the log.
    await asyncio.sleep(_RECEIPTS_SECONDS)
    code, said, complained = await deployment.said(
        "audit", "verify", "--margin", f"{_RECEIPTS_SECONDS}s", "--late-after", "2h", "--format", "json"
    )
    if code == 0:
        return []
    try:
        return [f"audit: {finding['kind']}: {finding['words']}" for finding in json.loads(said)["findings"]]
    except (ValueError, KeyError):
        return [f"audit: exit code {code}: {complained or said}"]


async def _quiet(row: Row, deployment: Deployment, arrivals: Arrivals, when: str) -> None:
    """Wait until nothing is on its way any more: until alerts that came last have come through every lane."""
    channels = CHANNELS if row.expected.told else CHANNELS[:4]
    wanted = barrier(f"{row.name}-{when}", PARTITIONS, lambda key: partition_of(key, PARTITIONS), channels)
    sending = Load(deployment.http, arrivals, iter(()))
    await asyncio.gather(*[sending.live(plan) for plan in wanted])

    def has_come() -> bool:
        pages, messages = arrivals.all_pages(), arrivals.all_messages()
        told = itertools.chain.from_iterable((plan.name in pages, plan.name in messages) for plan in wanted)
        return all(told) if row.expected.told else all(plan.name in pages for plan in wanted)

    await deployment.until(has_come, f"what was sent {when} everything else has come through all lanes",
                           BARRIER_SECONDS)  # fmt: skip


def _told(problem: BaseException) -> str:
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(_told(each) for each in problem.exceptions)
    return f"{type(problem).__name__}: {problem}"
