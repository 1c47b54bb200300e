"""Stories put into the order in which they began, however many there are: they wait packed, many of them in a file.

In memory is only where each of them lies: about a hundred bytes.
"""

import struct
import tempfile

from collections.abc import Iterator

import msgspec
import zstandard

from audit.story import Story


_IN_MEMORY_BYTES = 16 * 1024 * 1024
_PLACE = struct.Struct(">QI")
_ENCODER = msgspec.msgpack.Encoder()
_STORY = msgspec.msgpack.Decoder(Story)
_PACKER = zstandard.ZstdCompressor(level=1)
_UNPACKER = zstandard.ZstdDecompressor()


class Spool:
    """Takes stories in any order, and gives them back from the earliest on."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  # `close` ends it
        self._end = 0
        self._order: list[bytes] = []
        """When each began, which one it is, and where it lies."""

    def add(self, story: Story) -> None:
        """One more."""
        packed = _PACKER.compress(_ENCODER.encode(story))
        self._file.write(packed)
        key = story.began_ms.to_bytes(8) + story.incident_id.encode() + b"\0"
        self._order.append(key + _PLACE.pack(self._end, len(packed)))
        self._end += len(packed)

    def close(self) -> None:
        """Let go of all of them."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._order)

    def stories(self) -> Iterator[Story]:
        """All of them, by when they began and by their ids."""
        self._order.sort()
        for key in self._order:
            at, length = _PLACE.unpack(key[-_PLACE.size :])
            self._file.seek(at)
            yield _STORY.decode(_UNPACKER.decompress(self._file.read(length)))
