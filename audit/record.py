"""One record of a topic as the audit sees it, free of any client library: from Kafka or from an export, it is the same."""

import msgspec

from streams.topics import Topic


class LogRecord(msgspec.Struct, frozen=True):
    """A record and its place. Its value is bytes as they were written, which may be no record of ours."""

    topic: Topic
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
