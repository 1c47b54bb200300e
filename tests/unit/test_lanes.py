"""Lanes: in order within one, never waiting for another, and gone when there is nothing left to do."""

import asyncio

from collections.abc import Awaitable, Callable

from notifiers.lanes import Lanes, Pace


def telling(
    told: list[str], word: str, after: Awaitable[object] | None = None, then: asyncio.Event | None = None
) -> Callable[[], Awaitable[None]]:
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


async def test_work_that_is_given_up_leaves_no_lane() -> None:
    """A stop does not wait for a destination that never answers."""
    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks)
        lanes.put("a", telling([], "never", asyncio.Event().wait()))
        await asyncio.sleep(0)
        lanes.cancel()
