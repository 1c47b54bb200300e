"""The lines of an export, and the hash chain that ties each to all before it.

An export is one zstd frame of JSON lines: a manifest, the records, an end. Every line begins with its hash:

    {"hash":"<64 hex digits>","type":"record","topic":"alerts","partition":0,"offset":7,…}

The hash is the SHA-256 of the hash before it (32 bytes; none before the first line) and the line without its own hash
(`{"type":"record",…}`, without the newline). So a line that is edited, taken out, put in, doubled or moved is where the
chain breaks. The hash of the last line is the **head**: it stands for the whole file. Who rewrites the file can rewrite
its chain too, and only a head that was kept elsewhere shows that.

Keys, values and headers are text where they are UTF-8, else `{"base64":"…"}`: every byte comes back as it was.
"""

import base64
import hashlib

from collections.abc import Iterable

import msgspec

from audit.record import LogRecord
from streams.topics import Topic


FORMAT = 1
"""The version of the format that this code writes, and the only one that it reads."""

LONGEST_LINE = 64 * 1024 * 1024
"""A record of 8 MB, every byte of which JSON writes as six."""

_PREFIX = b'{"hash":"'
_DIGITS = 64
_BODY = len(_PREFIX) + _DIGITS + len(b'",')


class Base64(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes that are no UTF-8."""

    base64: str


Text = str | Base64 | None


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was asked of one partition: the offsets from `begin` up to, and without, `end`."""

    topic: Topic
    partition: int
    begin: int
    end: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, tag="manifest", forbid_unknown_fields=True):
    """The first line: what is to come, settled before anything was read."""

    format: int = FORMAT
    created_ms: int
    topic_prefix: str
    from_ms: int | None
    """The range of time that was asked for; None where it was left open."""
    to_ms: int | None
    ranges: tuple[Range, ...]

    @property
    def partitions(self) -> int:
        """How many partitions the topics had."""
        return 1 + max((each.partition for each in self.ranges), default=0)


class RecordLine(msgspec.Struct, frozen=True, kw_only=True, tag="record", forbid_unknown_fields=True):
    """A record with its place."""

    topic: Topic
    partition: int
    offset: int
    timestamp_ms: int
    key: Text
    value: Text
    headers: tuple[tuple[str, Text], ...] = ()

    def __str__(self) -> str:
        return f"{self.topic} {self.partition}:{self.offset}"


class Counted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found in one partition."""

    topic: Topic
    partition: int
    records: int
    first: int
    last: int
    """Offsets."""
    first_ms: int
    last_ms: int
    """The earliest and the latest time, which need not be those of the first and the last record."""


class End(msgspec.Struct, frozen=True, kw_only=True, tag="end", forbid_unknown_fields=True):
    """The last line: what came. Its hash is the head."""

    records: int
    partitions: tuple[Counted, ...]


Line = Manifest | RecordLine | End

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class Chain:
    """The hash of every line so far."""

    def __init__(self) -> None:
        self._last = b""

    @property
    def head(self) -> str:
        """The hash of the last line."""
        return self._last.hex()

    def add(self, content: bytes) -> str:
        """Tie one more line to those before it; returns its hash."""
        self._last = hashlib.sha256(self._last + content).digest()
        return self.head


def encode_line(line: Line, chain: Chain) -> bytes:
    """A line with its hash, newline included."""
    content = _ENCODER.encode(line)
    return b"".join((_PREFIX, chain.add(content).encode(), b'",', content[1:], b"\n"))


def split_line(line: bytes) -> tuple[str, bytes]:
    """The hash that a line claims, and the content that it should be the hash of. A foreign line has none.

    The line comes without its newline.
    """
    if not line.startswith(_PREFIX) or line[_BODY - 2 : _BODY] != b'",':
        return "", line
    return line[len(_PREFIX) : _BODY - 2].decode("ascii", "replace"), b"{" + line[_BODY:]


def decode_line(content: bytes) -> Line:
    """What a line says.

    Raises:
        ValueError: it is none of ours.
    """
    return _DECODER.decode(content)


def to_text(value: bytes | None) -> Text:
    """Bytes as they stand in a line."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Base64(base64.b64encode(value).decode())


def to_bytes(text: Text) -> bytes | None:
    """And back.

    Raises:
        ValueError: it is no base64.
    """
    match text:
        case Base64(encoded):
            return base64.b64decode(encoded, validate=True)
        case str():
            return text.encode()
        case None:
            return None


def record_line(record: LogRecord) -> RecordLine:
    """A record as a line."""
    headers = tuple((name, to_text(value)) for name, value in record.headers)
    return RecordLine(
        topic=record.topic, partition=record.partition, offset=record.offset, timestamp_ms=record.timestamp_ms,
        key=to_text(record.key), value=to_text(record.value), headers=headers,
    )  # fmt: skip


def log_record(line: RecordLine) -> LogRecord:
    """A line as a record. A value or a header that is null in Kafka is empty here; an import keeps it null."""
    headers = tuple((name, to_bytes(value) or b"") for name, value in line.headers)
    return LogRecord(
        line.topic, line.partition, line.offset, line.timestamp_ms, to_bytes(line.key), to_bytes(line.value) or b"",
        headers,
    )  # fmt: skip


class Tally:
    """Counts records by partition. Offsets that do not rise are an error: it is no log then."""

    def __init__(self) -> None:
        self._found: dict[tuple[Topic, int], Counted] = {}

    def add(self, line: RecordLine) -> None:
        """Count one.

        Raises:
            ValueError: its partition is past it already.
        """
        place, at_ms = (line.topic, line.partition), line.timestamp_ms
        before = self._found.get(place)
        if before is None:
            self._found[place] = Counted(*place, 1, line.offset, line.offset, at_ms, at_ms)
            return
        if line.offset <= before.last:
            raise ValueError(f"{line} stands behind {before.last}")
        self._found[place] = Counted(
            *place, before.records + 1, before.first, line.offset, min(before.first_ms, at_ms),
            max(before.last_ms, at_ms),
        )  # fmt: skip

    @property
    def end(self) -> End:
        """The counts so far, in the order of the topics."""
        order = list(Topic)
        found: Iterable[Counted] = self._found.values()
        counted = tuple(sorted(found, key=lambda each: (order.index(each.topic), each.partition)))
        return End(records=sum(each.records for each in counted), partitions=counted)
