"""Lanes: in order within one, never waiting for another, and gone when there is nothing left to do."""

import asyncio

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import SimpleNamespace
from typing import Any, cast

from config.settings import KafkaSettings
from notifiers.consume import Reader
from notifiers.job import Assignment, Job
from notifiers.lanes import Lanes, Pace
from notifiers.publish import Publisher
from streams.records import Cause, Happening, LogEntry, Record
from streams.topics import Topic


def telling(
    told: list[str], word: str, after: Awaitable[object] | None = None, then: asyncio.Event | None = None
) -> Callable[[], Coroutine[Any, Any, None]]:
    """A step that says a word, after something else where it has to wait, and lets others know."""

    async def step() -> None:
        if after is not None:
            await after
        told.append(word)
        if then is not None:
            then.set()

    return step


async def test_a_lane_keeps_its_order_and_holds_up_no_other() -> None:
    """What waits behind a blocked step waits, and everything in other lanes goes on."""
    told: list[str] = []
    free, other = asyncio.Event(), asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks)
        lanes.put("a", telling(told, "a1", free.wait()))
        lanes.put("a", telling(told, "a2"))
        lanes.put("b", telling(told, "b1", then=other))
        await other.wait()
        free.set()

    assert ["b1", "a1", "a2"] == told


async def test_a_lane_with_nothing_to_do_is_gone() -> None:
    """Channels come and go; what they leave behind must not grow."""
    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks)
        for number in range(100):
            lanes.put(f"lane {number}", telling([], "x"))
        assert 100 == len(lanes)

    assert 0 == len(lanes)


async def test_a_lane_remembers_its_pace_until_it_is_rested() -> None:
    """Or whoever sends one message after another would never be held to the pace."""
    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks, Pace(burst=1, per_second=20.0))
        told: list[str] = []
        done = asyncio.Event()
        lanes.put("a", telling(told, "first", then=done))
        assert 0.0 == lanes.turn("a")
        await done.wait()
        lanes.put("a", telling(told, "second"))
        assert lanes.turn("a") > 0

    assert (["first", "second"], 0) == (told, len(lanes))


async def test_what_is_left_beside_a_lane_holds_up_nothing_and_is_given_up_with_it() -> None:
    """The lane goes on meanwhile; a stop waits for neither, and whoever was to hear of the end hears of it."""
    told: list[str] = []
    never, done = asyncio.Event(), asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks)

        async def first() -> None:
            lanes.beside(telling(told, "beside", never.wait())(), lambda: told.append("over"))

        lanes.put("a", first)
        lanes.put("a", telling(told, "second", then=done))
        await done.wait()
        lanes.cancel()

    assert ["second", "over"] == told


async def test_work_that_is_given_up_leaves_no_lane() -> None:
    """A stop does not wait for a destination that never answers."""
    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks)
        lanes.put("a", telling([], "never", asyncio.Event().wait()))
        await asyncio.sleep(0)
        lanes.cancel()


class Recorded(Publisher):
    """Keeps what is to be published in its rounds, and has it only when the test says so."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(bootstrap_servers="nowhere:9092"))
        self.rounds: list[list[str]] = []
        self.written = asyncio.Event()

    async def publish_all(self, topic: Topic, records: Iterable[tuple[str, Record]]) -> None:  # noqa: ARG002
        """Wait for the test."""
        self.rounds.append([key for key, _record in records])
        await self.written.wait()


def reader_of(publisher: Publisher, lanes: Lanes) -> Reader:
    """A reader in the middle of its work."""
    kafka = KafkaSettings(bootstrap_servers="nowhere:9092")
    reader = Reader(kafka, Topic.PAGERDUTY_EVENTS, "group", lambda *_: None, publisher)
    cast("Any", reader)._lanes = lanes
    return reader


def job_of(assignment: Assignment, offset: int) -> Job:
    """A record that is being worked on."""
    assignment.progress.began(offset, 1)
    return Job(SimpleNamespace(offset=offset), None, assignment, 0.0)


def note_of(key: str) -> LogEntry:
    """What is to be kept about it."""
    return LogEntry(
        incident_id="i", source_key=key, at_ms=0, role="pagerduty", what=Happening.PAGERDUTY_DELIVERED,
        cause=Cause("t", 0, 0), detail={},
    )  # fmt: skip


async def test_an_offset_is_not_committed_while_something_is_owed_for_its_record() -> None:
    """What the log has yet to take keeps the record unfinished, and whoever lets go of its partition waits for it."""
    assignment, publisher = Assignment(), Recorded()
    jobs = [job_of(assignment, offset) for offset in (5, 6)]

    async with asyncio.TaskGroup() as tasks:
        reader = reader_of(publisher, Lanes(tasks))
        for job in jobs:
            reader.finish_with(job, note_of("k"))
        before = assignment.progress.committable(), assignment.idle.is_set()
        publisher.written.set()
        await assignment.idle.wait()

    assert ((5, False), 7) == (before, assignment.progress.committable())


async def test_what_comes_together_is_written_together_and_nothing_is_left_over() -> None:
    """Notes of one moment are one round; the next moment's do not wait for it, not even where it was given up."""
    assignment, publisher = Assignment(), Recorded()
    jobs = [job_of(assignment, offset) for offset in range(4)]

    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks)
        reader = reader_of(publisher, lanes)
        reader.finish_with(jobs[0], note_of("given up before it began"))
        lanes.cancel()
        await assignment.idle.wait()
        for job, key in zip(jobs[1:3], "ab", strict=True):
            reader.finish_with(job, note_of(key))
        await asyncio.sleep(0)
        reader.finish_with(jobs[3], note_of("c"))
        publisher.written.set()
        await assignment.idle.wait()

    assert ([["a", "b"], ["c"]], 0) == (publisher.rounds, assignment.progress.committable())
