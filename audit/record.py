"""A record as it lies in a topic: the one form in which the audit takes it, from Kafka and from an export alike."""

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
