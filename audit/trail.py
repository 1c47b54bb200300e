"""Which records of one partition of a topic there are, and which others say they follow from them. Pure.

A few bytes for each offset, so that a million incidents fit; names are kept only of what still waits for its other half.
"""

import zlib

from array import array
from collections.abc import Iterator


_CHUNK_BITS = 12
_CHUNK = 1 << _CHUNK_BITS


class _Marks:
    """A number for each offset; 0 where there is none."""

    def __init__(self) -> None:
        self._chunks: dict[int, array[int]] = {}

    def get(self, offset: int) -> int:
        """The mark of an offset."""
        chunk = self._chunks.get(offset >> _CHUNK_BITS)
        return chunk[offset & (_CHUNK - 1)] if chunk else 0

    def set(self, offset: int, mark: int) -> None:
        """Mark an offset."""
        chunk = self._chunks.get(offset >> _CHUNK_BITS)
        if chunk is None:
            chunk = self._chunks[offset >> _CHUNK_BITS] = array("I", bytes(array("I").itemsize * _CHUNK))
        chunk[offset & (_CHUNK - 1)] = mark


class Waiting:
    """A record that nothing has followed from yet, or one that speaks of another that was not seen yet."""

    __slots__ = ("by", "name", "timestamp_ms")

    def __init__(self, name: str, timestamp_ms: int, by: int = -1) -> None:
        self.name = name
        self.timestamp_ms = timestamp_ms
        self.by = by
        """The offset in the incident log of the entry that speaks of it."""


class Trail:
    """One partition of one topic. A record and what follows from it carry the same name: an incident's, or a source key."""

    def __init__(self, *, is_answered: bool) -> None:
        """`is_answered`: something must follow from each of its records."""
        self._is_answered = is_answered
        self._seen, self._said = _Marks(), _Marks()
        self.unanswered: dict[int, Waiting] = {}
        """Records that nothing follows from, by offset."""
        self.unseen: dict[int, Waiting] = {}
        """What entries of the incident log speak of and was not there, by offset."""
        self.disagreeing: dict[int, str] = {}
        """Names that entries give to records that carry another, by offset."""
        self._count = 0
        self._first = self._next = -1

    def see(self, offset: int, name: str, timestamp_ms: int) -> bool:
        """A record is there; false where it was there already."""
        if self._seen.get(offset):
            return False
        mark = _mark(name)
        self._seen.set(offset, mark)
        self._count += 1
        self._first = offset if self._first < 0 else min(self._first, offset)
        self._next = max(self._next, offset + 1)
        said = self._said.get(offset)
        if said:
            waiting = self.unseen.pop(offset, None)
            if said != mark:
                self.disagreeing[offset] = waiting.name if waiting else name
        elif self._is_answered:
            self.unanswered[offset] = Waiting(name, timestamp_ms)
        return True

    def say(self, offset: int, name: str, timestamp_ms: int, by: int) -> bool:
        """An entry of the incident log says that it follows from this record; false where one has said so already."""
        mark, known = _mark(name), self._said.get(offset)
        seen = self._seen.get(offset)
        if seen and seen != mark:
            self.disagreeing[offset] = name
        if known:
            return False
        self._said.set(offset, mark)
        if seen:
            self.unanswered.pop(offset, None)
        else:
            self.unseen[offset] = Waiting(name, timestamp_ms, by)
        return True

    def is_said(self, offset: int) -> bool:
        """Whether anything says that it follows from this record."""
        return bool(self._said.get(offset))

    def gaps(self, start: int | None, end: int | None) -> Iterator[int]:
        """Offsets that are not there, between those that are or in this span."""
        first = self._first if start is None else start
        after = self._next if end is None else end
        if first < 0 or self._count == after - first:
            return
        yield from (offset for offset in range(first, after) if not self._seen.get(offset))


def _mark(name: str) -> int:
    return zlib.crc32(name.encode()) | 1
