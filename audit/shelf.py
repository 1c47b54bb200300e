"""A few hundred bytes for each of a great many names, without a Python object for each of them. Pure.

They lie one behind the other in one piece of memory. What has outgrown its place is moved, and gets twice the room.
"""

import struct

from collections.abc import Hashable, Iterator

from audit.marks import Marks


_HEAD = struct.Struct("<II")
"""How long it is, and how much room there is for it."""
_UNIT = 16
"""All places are at multiples of it, so that 64 GB have their numbers in 32 bits."""


class Shelf:
    """What is kept by name."""

    def __init__(self) -> None:
        self._places = Marks()
        self._memory = bytearray()

    def get(self, name: Hashable) -> bytes:
        """What is kept of a name; nothing where there is nothing."""
        place = self._places.get(name)
        return b"" if place is None else self._at(place * _UNIT)

    def put(self, name: Hashable, value: bytes) -> None:
        """Keep this in the place of what was kept."""
        place = self._places.get(name)
        if place is not None:
            at = place * _UNIT
            _, room = _HEAD.unpack_from(self._memory, at)
            fits = len(value) <= room
            self._write(at, value if fits else b"", room)
            if fits:
                return
        elif not value:
            return
        self._places.set(name, len(self._memory) // _UNIT)
        self._append(value, len(value) if place is None else 2 * len(value))

    def values(self) -> Iterator[bytes]:
        """All that is kept."""
        at = 0
        while at < len(self._memory):
            if value := self._at(at):
                yield value
            at += _HEAD.size + _HEAD.unpack_from(self._memory, at)[1]

    def _at(self, at: int) -> bytes:
        length, _ = _HEAD.unpack_from(self._memory, at)
        return bytes(self._memory[at + _HEAD.size : at + _HEAD.size + length])

    def _append(self, value: bytes, room: int) -> None:
        at = len(self._memory)
        room += -(_HEAD.size + room) % _UNIT
        self._memory += bytes(_HEAD.size + room)
        self._write(at, value, room)

    def _write(self, at: int, value: bytes, room: int) -> None:
        _HEAD.pack_into(self._memory, at, len(value), room)
        self._memory[at + _HEAD.size : at + _HEAD.size + len(value)] = value
