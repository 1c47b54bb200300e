"""Exports with one record removed, changed or doubled: as anybody could who has the file, and as somebody would who
writes the chain of hashes anew. What was done is chosen at random, and can be repeated by its seed.
"""

import contextlib
import random

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from audit.bundle_lines import Chain, End, RecordLine, Tally, decode_line, encode_line, split_line
from streams.topics import Topic


HOW = ("removed", "changed", "doubled")
_CHANGES: dict[Topic, dict[str, Any]] = {
    Topic.ALERTS: {"dedup_key": "another"},
    Topic.SLACK_NOTIFICATIONS: {"incident_id": "another"},
    Topic.DELAYS: {"incident_id": "another"},
    Topic.ACKS: {"incident_id": "another"},
    Topic.PAGERDUTY_EVENTS: {"dedup_key": "another"},
    Topic.INCIDENT_LOG: {"incident_id": "another"},
}


@dataclass(frozen=True, slots=True)
class Tampering:
    """One record, and what is done to it."""

    topic: Topic
    how: str
    is_chained: bool
    """Whether the hashes of all lines behind it are made anew."""
    number: int
    """Of the record, among those of its topic."""

    def __str__(self) -> str:
        return f"{self.topic} #{self.number} {self.how}{', and all hashes made anew' if self.is_chained else ''}"


def tamperings(count: int, seed: int, end: End) -> Iterator[Tampering]:
    """So many; each topic, and each way, as often as the others."""
    choose = random.Random(f"tampering {seed}")  # noqa: S311  # repeatable is what it must be
    records = {topic: sum(each.records for each in end.partitions if each.topic is topic) for topic in _CHANGES}
    ways = [(topic, how, is_chained) for topic in _CHANGES for how in HOW for is_chained in (False, True)]
    for number in range(count):
        if number % len(ways) == 0:
            choose.shuffle(ways)
        topic, how, is_chained = ways[number % len(ways)]
        yield Tampering(topic, how, is_chained, choose.randrange(records[topic]))


def tampered(source: Path, target: Path, what: Tampering) -> RecordLine:
    """Write the export with this done to it; the record that it was done to."""
    found: RecordLine | None = None
    left, chain, tally = what.number, Chain(), Tally()
    with source.open("rb") as packed, target.open("wb") as file:
        out = zstandard.ZstdCompressor().stream_writer(file, closefd=False)
        for raw in zstandard.ZstdDecompressor().stream_reader(packed).readall().splitlines():
            content = split_line(raw)[1]
            lines = [(raw, content)]
            if found is None and f'"topic":"{what.topic}"'.encode() in content[:200]:
                if left == 0:
                    record = decode_line(content)
                    assert isinstance(record, RecordLine)
                    found, lines = record, _done(raw, record, what.how)
                left -= 1
            for line, inner in lines:
                out.write(_chained(inner, chain, tally) if what.is_chained else line + b"\n")
        out.flush(zstandard.FLUSH_FRAME)
    assert found
    return found


def _done(raw: bytes, record: RecordLine, how: str) -> list[tuple[bytes, bytes]]:
    content = split_line(raw)[1]
    if how == "removed":
        return []
    if how == "doubled":
        return [(raw, content)] * 2
    value = {**msgspec.json.decode(str(record.value)), **_CHANGES[record.topic]}
    changed = msgspec.json.encode(msgspec.structs.replace(record, value=msgspec.json.encode(value).decode()))
    return [(raw[: len(raw) - len(content) + 1] + changed[1:], changed)]


def _chained(content: bytes, chain: Chain, tally: Tally) -> bytes:
    line = decode_line(content)
    if isinstance(line, RecordLine):
        with contextlib.suppress(ValueError):  # Doubled: no count can hide it.
            tally.add(line)
    return encode_line(tally.end if isinstance(line, End) else line, chain)
