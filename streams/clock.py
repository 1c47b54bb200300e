"""The timer's clock: one tick to each owned partition, and never a second one before the first was worked off.

It writes no table and decides nothing. Faust's timers may write tables only in ways that lose or corrupt them, so the
clock sends a record and the agent does the work, in the one order of its partition.
"""

import asyncio
import time

from collections.abc import Mapping
from datetime import timedelta

from streams.outbox import Outbox
from streams.records import Millis


UNANSWERED_MS = 5_000
"""How long a tick may take before another is sent all the same: it may have been lost with moving partitions."""


def wall_clock_ms() -> Millis:
    """Now, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Clock:
    """Sends ticks."""

    def __init__(self, outbox: Outbox, *, interval: timedelta, ticked_ms: Mapping[int, Millis]) -> None:
        self._outbox = outbox
        self._interval = interval.total_seconds()
        self._ticked_ms = ticked_ms
        self._sent_ms: dict[int, Millis] = {}

    async def tick(self, partitions: set[int], now_ms: Millis) -> None:
        """Send what is to be sent now."""
        ready = {partition for partition in partitions if self._is_ready(partition, now_ms)}
        self._sent_ms.update(dict.fromkeys(ready, now_ms))
        await self._outbox.tick(sorted(ready), now_ms)

    async def rest(self) -> None:
        """Wait for the next tick."""
        await asyncio.sleep(self._interval)

    def _is_ready(self, partition: int, now_ms: Millis) -> bool:
        sent, done = self._sent_ms.get(partition), self._ticked_ms.get(partition, 0)
        return sent is None or done >= sent or not 0 <= now_ms - sent < UNANSWERED_MS
