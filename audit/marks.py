"""A small number for each of a great many names: some sixteen bytes each, where a dict needs ten times as much. Pure."""

import struct

from collections import defaultdict
from collections.abc import Hashable


_ENTRY = struct.Struct("<qI")
_KEY = struct.Struct("<q")
_MARK = struct.Struct("<I")
_BUCKETS = 1 << 14


class Marks:
    """Names are known by 64 bits of their hash: that two of a million have the same is as good as impossible."""

    def __init__(self) -> None:
        self._buckets: defaultdict[int, bytearray] = defaultdict(bytearray)
        """Each is a row of entries, and searched from its beginning: they are short."""

    def get(self, name: Hashable) -> int | None:
        """The mark of a name; None where it has none."""
        number = hash(name)
        bucket = self._buckets.get(number % _BUCKETS, b"")
        at = _find(bucket, number)
        return None if at < 0 else int(_MARK.unpack_from(bucket, at + _KEY.size)[0])

    def set(self, name: Hashable, mark: int = 0) -> None:
        """Mark a name, with 32 bits."""
        number = hash(name)
        bucket = self._buckets[number % _BUCKETS]
        at = _find(bucket, number)
        if at < 0:
            bucket += _ENTRY.pack(number, mark)
        else:
            _MARK.pack_into(bucket, at + _KEY.size, mark)

    def __contains__(self, name: Hashable) -> bool:
        return self.get(name) is not None


def _find(bucket: bytes | bytearray, number: int) -> int:
    key = _KEY.pack(number)
    at = bucket.find(key)
    while at > 0 and at % _ENTRY.size:  # bytes of two entries
        at = bucket.find(key, at + 1)
    return at
