"""Dead letters: how a record that could not be used is kept, and how it is known again. One rule for whoever writes one.

Key and value are the record's own bytes, and the headers say why it is here and where it lay. `ackline dead-letters
retry` writes such a record back to its topic with headers that count the tries, so that a letter that comes of it again
says how often that was; and it leaves a note beside the letter (a record with nothing but a header) that it has done so.
Reading never raises, since anybody may write to the topic.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter

from streams.topics import MAX_RECORD_BYTES


REASON = "reason"
TOPIC = "topic"
PARTITION = "partition"
OFFSET = "offset"
CUT = "cut"
"""`true` where the record was too large to be kept whole."""
TRIES = "tries"
"""How often the record has been tried; 1 where the header is missing."""
RETRIED_FROM = "retried-from"
"""On a record that was written back: the place of its letter. A letter that comes of it has it too."""
RETRIED = "retried"
"""On a note beside letters: the offset, in the same partition, of the one that was written back."""

LARGEST_VALUE = MAX_RECORD_BYTES - 64 * 1024
"""A letter has headers that its record had not, and must fit all the same."""
LARGEST_KEY = 16 * 1024
LONGEST_REASON = 500

Headers = list[tuple[str, bytes]]

DEAD_LETTERS = Counter(
    "ackline_dead_letters_total",
    "Records that were put aside, by the topic that they came from, and why: `unusable`, or what a destination said",
    ["topic", "reason"],
)
"""Here, and not in each package that writes letters: a process has one registry, and a metric has one name in it."""

UNUSABLE = "unusable"
"""The reason, as a label, of every record that cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is written to `dead-letters`."""

    key: bytes | None
    value: bytes
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the headers of a letter say. Empty and None: they do not say it."""

    reason: str = ""
    topic: str = ""
    """The whole name, with the prefix."""
    partition: int | None = None
    offset: int | None = None
    tries: int = 1
    retried_from: str = ""
    is_cut: bool = False


def letter_of(message: Any, reason: str) -> Letter:
    """The letter of a record of any Kafka client: it has topic, partition, offset, key, value and headers."""
    key, value = message.key, message.value or b""
    is_cut = len(value) > LARGEST_VALUE or len(key or b"") > LARGEST_KEY
    headers = [
        (REASON, reason[:LONGEST_REASON].encode(errors="replace")),
        (TOPIC, message.topic.encode()),
        (PARTITION, str(message.partition).encode()),
        (OFFSET, str(message.offset).encode()),
    ]
    earlier = _texts(message.headers)
    headers += [(name, earlier[name].encode()) for name in (TRIES, RETRIED_FROM) if name in earlier]
    headers += [(CUT, b"true")] if is_cut else []
    return Letter(None if key is None else key[:LARGEST_KEY], value[:LARGEST_VALUE], headers)


def origin_of(headers: Iterable[tuple[str, bytes]] | Mapping[str, bytes] | None) -> Origin:
    """What the headers of a letter say."""
    texts = _texts(headers)
    return Origin(
        reason=texts.get(REASON, ""),
        topic=texts.get(TOPIC, ""),
        partition=_number(texts.get(PARTITION)),
        offset=_number(texts.get(OFFSET)),
        tries=_number(texts.get(TRIES)) or 1,
        retried_from=texts.get(RETRIED_FROM, ""),
        is_cut=CUT in texts,
    )


def retry_headers(place: str, origin: Origin) -> Headers:
    """The headers of a record that is written back from the letter at this place."""
    return [(RETRIED_FROM, place.encode()), (TRIES, str(origin.tries + 1).encode())]


def retried_note(offset: int) -> Headers:
    """The headers of the note that the letter at this offset of the same partition was written back."""
    return [(RETRIED, str(offset).encode())]


def noted_offset(headers: Iterable[tuple[str, bytes]] | Mapping[str, bytes] | None) -> int | None:
    """Which letter a note says was written back; None for a letter."""
    return _number(_texts(headers).get(RETRIED))


def _texts(headers: Iterable[tuple[str, bytes]] | Mapping[str, bytes] | None) -> dict[str, str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return {name: value.decode(errors="replace") for name, value in pairs if value is not None}


def _number(text: str | None) -> int | None:
    # 19 digits are what an offset can have; int() itself refuses 4,300 of them with an error of its own.
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 19 else None
