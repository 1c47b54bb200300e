"""Lanes: in order within one, never waiting for another, and gone when there is nothing left to do."""

import asyncio

from collections.abc import Awaitable, Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

from config.settings import KafkaSettings
from notifiers.consume import Reader
from notifiers.job import Assignment, Job
from notifiers.lanes import Lanes, Pace
from notifiers.publish import Publisher
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


async def test_an_offset_is_not_committed_while_something_is_owed_for_its_record() -> None:
    """What is left beside the lane keeps the record unfinished, and whoever lets go of its partition waits for it."""
    kafka, written, assignment = KafkaSettings(bootstrap_servers="nowhere:9092"), asyncio.Event(), Assignment()
    reader = Reader(kafka, Topic.PAGERDUTY_EVENTS, "group", lambda *_: None, Publisher(kafka))
    assignment.progress.began(5, 1)
    job = Job(SimpleNamespace(offset=5), None, assignment, 0.0)

    async def note() -> None:
        await written.wait()
        job.finish()

    async with asyncio.TaskGroup() as tasks:
        cast("Any", reader)._lanes = Lanes(tasks)
        reader.beside(job, note())
        before = assignment.progress.committable(), assignment.idle.is_set()
        written.set()
        await assignment.idle.wait()

    assert ((5, False), 6) == (before, assignment.progress.committable())
