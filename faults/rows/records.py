"""Records that nobody can use, records that are many, and records whose table is gone."""

import asyncio
import shutil
import signal

import psutil

from faults.deployment import PARTITIONS
from faults.plan import CHANNELS, KEYS, Kind, Plan
from faults.row import Field, Place, Row
from faults.topics import count_in, write
from faults.verdict import Expected
from streams.topics import Topic


BURST = 10_000
BURST_WAITS = (15.0, 45.0)
PENDING = 100_000
SOON = 1_000
SOON_WAITS = (5.0, 30.0)
LATER_SECONDS = 24 * 3600.0
FLOOD = 4_000
_AT_ONCE = 500
_PATIENCE_SECONDS = 300.0
_LARGEST_INGEST_BYTES = 400 * 1024 * 1024
_LABEL = 900_000
"""Characters. With the rest of the alert it is as much as ingest takes."""

POISON = (
    b"\xff\xfe\x00 no text",
    b'{"half": ',
    b"null",
    b'"words"',
    b"[1, 2, 3]",
    b'{"payload": 3, "type": 7, "at_ms": "soon"}',
    b'{"v": 99, "payload": {"title": "of another time"}}',
    b"x" * 1_000_000,
)
_SPOILT = [topic for topic in Topic if topic is not Topic.DEAD_LETTERS]


async def poison(field: Field) -> None:
    """Records that nobody can use in every topic and partition, and labels of a million characters among alerts."""
    await write(field.deployment.settings, [
        (topic, partition, value) for topic in _SPOILT for partition in range(PARTITIONS) for value in POISON
    ])  # fmt: skip
    for number in range(4):
        await field.load.live(_plan("poison-long", number, wait_seconds=3, label=_LABEL))


async def burst(field: Field) -> None:
    """10,000 alerts at once, while Slack takes one message a second: pages are on time all the same."""
    field.deployment.sandbox.slack.limit(1)
    waits = [field.choose.uniform(*BURST_WAITS) for _ in range(BURST)]
    await field.load.pour(field.deployment.settings, _ignored("burst-many", waits))
    await _until_written(field, BURST)


async def pending(field: Field) -> None:
    """100,000 deadlines, all of them taken in."""
    settings = field.deployment.settings
    plans = _ignored("pending", [LATER_SECONDS] * PENDING)
    await write(settings, [(Topic.ALERTS, None, plan.envelope) for plan in plans])
    await _until_written(field, PENDING)


async def lose_disk(field: Field) -> None:
    """A streams worker and its directory are gone while 100,000 deadlines are pending, of which 1,000 come now."""
    waits = [field.choose.uniform(*SOON_WAITS) for _ in range(SOON)]
    await field.load.pour(field.deployment.settings, _ignored("soon", waits))
    await asyncio.sleep(max(SOON_WAITS) / 2)
    await field.deployment.lose("streams")
    await asyncio.to_thread(shutil.rmtree, field.deployment.home / "streams")
    field.deployment.keep("streams")
    await field.deployment.until_ready("streams")


async def _until_written(field: Field, deadlines: int) -> None:
    """Until the fan-out agent is through with so many."""
    settings = field.deployment.settings

    async def are_written() -> bool:
        return await count_in(settings, Topic.DELAYS) >= deadlines

    await field.deployment.until(are_written, f"{deadlines:,} deadlines are written", _PATIENCE_SECONDS)


async def full_queue(field: Field) -> None:
    """Kafka takes nothing for 8 s while 4,000 alerts come: senders are told to send again, and memory is bounded."""
    ingest = psutil.Process(await field.deployment.signal("ingest", signal.SIGCONT))
    field.servers.freeze("kafka")
    sending = asyncio.create_task(_flood(field))
    largest = 0
    for _ in range(80):
        largest = max(largest, ingest.memory_info().rss)
        await asyncio.sleep(0.1)
    field.servers.thaw("kafka")
    await sending
    if largest > _LARGEST_INGEST_BYTES:
        field.deployment.problems.append(f"ingest took {largest / 1024 / 1024:.0f} MB")


async def _flood(field: Field) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(plan: Plan) -> None:
        async with gate:
            await field.load.live(plan)

    async with asyncio.TaskGroup() as sending:
        for plan in _ignored("flood", [20.0] * FLOOD):
            sending.create_task(one(plan))


def _ignored(what: str, waits: list[float]) -> list[Plan]:
    return [_plan(what, number, wait_seconds=wait) for number, wait in enumerate(waits)]


def _plan(what: str, number: int, *, wait_seconds: float, label: int = 0) -> Plan:
    """One that nobody does anything about."""
    keys = list(KEYS)
    return Plan(
        name=f"{what}-{number:05d}", kind=Kind.IGNORED, key=keys[number % len(keys)],
        channel=CHANNELS[number % len(CHANNELS)], wait_seconds=wait_seconds, acts_after_seconds=0, by_answer=True,
        longest_label=label,
    )  # fmt: skip


ROWS = (
    Row(name="poison", act=poison, expected=Expected(dead_letters=len(_SPOILT) * PARTITIONS * len(POISON))),
    Row(name="burst", act=burst, place=Place.ALONE, expected=Expected(told=False, latest_seconds=20)),
    # Nobody is told in Slack of a hundred thousand alerts: with a message a second for a channel it would take a day.
    Row(
        name="lose-disk", prepare=pending, act=lose_disk, place=Place.ALONE, expected=Expected(told=False, latest_seconds=90),
        settings={"alert": {"slack": {"enable": False}}},
    ),
    Row(name="full-queue", act=full_queue, place=Place.ALONE, expected=Expected(told=False, refused=True)),
)  # fmt: skip
