"""Notices that this process was frozen for so long that its partitions may be somebody else's by now.

Closes: a worker that is stopped for a while (SIGSTOP, a paused machine) and then goes on in the middle of a batch would
write its rows over those of the worker that has taken over. It ends instead, before it writes, and starts anew.
"""

import asyncio
import time

from collections.abc import Callable


BEAT_SECONDS = 0.5


class FrozenError(Exception):
    """The process stood still for longer than its broker waits for it. What it was about to write may be out of date."""


class Pulse:
    """Beats while the event loop runs. Whoever writes asks first whether it has."""

    def __init__(self, longest_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest = longest_seconds
        self._clock = clock
        self._last = clock()

    async def keep(self) -> None:
        """Beat until cancelled.

        Raises:
            FrozenError: the loop stood still for too long.
        """
        while True:
            self.beat()
            await asyncio.sleep(BEAT_SECONDS)

    def beat(self) -> None:
        """Say that the loop runs.

        Raises:
            FrozenError: see `check`.
        """
        self.check()
        self._last = self._clock()

    def check(self) -> None:
        """Ask whether it has been running all the time.

        Raises:
            FrozenError: it has not, and must not write.
        """
        still = self._clock() - self._last
        if still > self._longest:
            raise FrozenError(f"stood still for {still:.1f} s; partitions are given away after {self._longest:.1f} s")
