"""A record as it lies in a topic: the one form in which the audit takes it, from Kafka and from an export alike."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from streams.topics import Topic


class LogRecord(msgspec.Struct, frozen=True):
    """One record, with its place. A record without a value has an empty one."""

    topic: Topic
    partition: int
    offset: int
    timestamp_ms: int
    """When its producer wrote it, by that machine's clock."""
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Span(msgspec.Struct, frozen=True):
    """Which offsets of one partition of a topic were read: from `start` to just before `end`."""

    start: int
    end: int


Spans = dict[tuple[Topic, int], Span]
"""By topic and partition. What is missing inside of a span is missing in the log."""


class Log(Protocol):
    """What lies in the topics between two times, from wherever it is read."""

    @property
    def spans(self) -> Spans:
        """What there is to read."""

    @property
    def size(self) -> int:
        """How many records that is, about."""

    @property
    def whole_from_ms(self) -> int:
        """Since when all of it is there; 0: nothing was ever before it."""

    def read(self) -> AsyncIterator[Sequence[LogRecord]]:
        """All of them, some of one partition at once; one partition after the other, each in the order of time."""
