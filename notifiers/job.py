"""A record on its way from being read to being settled, and the partition that it came from.

A partition that is taken away, or a process that stops, abandons what is not settled: its offset is not committed, and
whoever reads the partition next does it again.
"""

import asyncio
import time

from dataclasses import dataclass
from typing import Any

from notifiers.offsets import Progress
from streams.records import Cause, Happening, LogEntry


_CLOCKS_MS = 5_000
"""By how much our clock and the brokers' may differ."""


class Abandoned(Exception):  # noqa: N818  # It says what became of the work.
    """The record is no longer ours to deliver."""


class Assignment:
    """One partition for as long as it is ours. When it comes back it is a new one."""

    def __init__(self) -> None:
        self.began_ms = time.time_ns() // 1_000_000
        self.progress = Progress()
        self.ended = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while no record is being worked on."""
        self.idle.set()
        self._active = 0

    def begin(self) -> None:
        """One more record is being worked on."""
        self._active += 1
        self.idle.clear()

    def end(self) -> None:
        """One fewer."""
        self._active -= 1
        if not self._active:
            self.idle.set()


@dataclass(eq=False, slots=True)
class Job:
    """One record, decoded, and what is owed for it."""

    message: Any
    """Kafka's own record: the original key, value and place."""
    record: Any
    assignment: Assignment
    began: float
    """When it was read, by the loop's clock."""

    @property
    def abandoned(self) -> bool:
        """Whether somebody else will do it."""
        return self.assignment.ended.is_set()

    @property
    def may_be_a_repeat(self) -> bool:
        """Whether somebody may have read it before: it was written before this partition was ours, as far as clocks agree."""
        return bool(self.message.timestamp < self.assignment.began_ms + _CLOCKS_MS)

    def note(self, role: str, what: Happening, detail: dict[str, Any]) -> LogEntry:
        """What the incident log is told of it."""
        record, message = self.record, self.message
        return LogEntry(
            incident_id=record.incident_id,
            source_key=record.source_key,
            at_ms=time.time_ns() // 1_000_000,
            role=role,
            what=what,
            cause=Cause(message.topic, message.partition, message.offset),
            detail=detail,
        )

    def finish(self) -> None:
        """All that had to follow from the record is durable."""
        self.assignment.progress.finished(self.message.offset)

    async def pause(self, seconds: float) -> None:
        """Wait, but not a moment longer than the record is ours.

        Raises:
            Abandoned: it no longer is.
        """
        if not self.abandoned and seconds > 0:
            try:
                await asyncio.wait_for(self.assignment.ended.wait(), seconds)
            except TimeoutError:
                return
        if self.abandoned:
            raise Abandoned
