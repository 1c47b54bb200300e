"""Lanes: each Slack channel and each routing key has a queue, a pace and trouble of its own. None holds up another.

Within a lane everything is in order, one at a time; what waits there waits for its own destination only. What a step
leaves to be done beside its lane holds up nothing. A lane that has nothing to do, and no pace left to keep, is gone.
"""

import asyncio
import contextlib

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any


Step = Callable[[], Awaitable[None]]
"""One thing to do in a lane. Whatever it raises ends the process: it deals with its own trouble."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a lane may go: so many at once, and so many a second from then on."""

    burst: int
    per_second: float


class Turns:
    """Gives out turns at a pace. Pure but for the clock that it is given."""

    def __init__(self, pace: Pace, now: float) -> None:
        self._pace = pace
        self._left = float(pace.burst)
        self._at = now

    def wait(self, now: float) -> float:
        """Take a turn; seconds to wait before using it."""
        self._left = min(self._left + (now - self._at) * self._pace.per_second, self._pace.burst) - 1
        self._at = now
        return max(0.0, -self._left / self._pace.per_second)

    def rested_in(self, now: float) -> float:
        """Seconds until it is as if nobody had ever taken a turn."""
        left = self._left + (now - self._at) * self._pace.per_second
        return max(0.0, (self._pace.burst - left) / self._pace.per_second)


class Lane:
    """One destination."""

    def __init__(self, pace: Pace | None, now: float) -> None:
        self.steps: deque[Step] = deque()
        self.more = asyncio.Event()
        self.turns = Turns(pace, now) if pace else None
        self.task: asyncio.Task[None] | None = None


class Lanes:
    """All lanes of one consumer, each with a task while it has something to do."""

    def __init__(self, tasks: asyncio.TaskGroup, pace: Pace | None = None) -> None:
        self._tasks = tasks
        self._pace = pace
        self._lanes: dict[str, Lane] = {}
        self._beside: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many there are now."""
        return len(self._lanes)

    def put(self, name: str, step: Step) -> None:
        """Do this when everything before it in its lane is done."""
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(self._pace, _now())
            lane.task = self._tasks.create_task(self._run(name, lane))
        lane.steps.append(step)
        lane.more.set()

    def beside(self, work: Coroutine[Any, Any, None], over: Callable[[], None]) -> None:
        """Do this now, while the lanes go on; call `over` when it has ended, whichever way."""
        task = self._tasks.create_task(work)
        self._beside.add(task)

        def ended(_task: asyncio.Task[None]) -> None:
            self._beside.discard(task)
            over()

        task.add_done_callback(ended)

    def cancel(self) -> None:
        """Give up what is still being done."""
        for task in [*self._beside, *(lane.task for lane in self._lanes.values() if lane.task)]:
            task.cancel()

    def turn(self, name: str) -> float:
        """Take a turn in a lane; seconds to wait for it."""
        lane = self._lanes.get(name)
        return lane.turns.wait(_now()) if lane and lane.turns else 0.0

    async def _run(self, name: str, lane: Lane) -> None:
        while lane.steps or await _more(lane):
            await lane.steps.popleft()()
        del self._lanes[name]


async def _more(lane: Lane) -> bool:
    """Whether something comes while the lane still has to remember its pace."""
    lane.more.clear()
    rest = lane.turns.rested_in(_now()) if lane.turns else 0.0
    if not rest:
        return False
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(lane.more.wait(), rest)
    return bool(lane.steps)


def _now() -> float:
    return asyncio.get_running_loop().time()
