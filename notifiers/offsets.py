"""How far a partition's records are finished. An offset is committable only when every record before it is.

Pure: records finish in any order, and the offset to commit is the first one that is unfinished.
"""


class Progress:
    """The records of one partition, from the moment that they are read until they are finished."""

    def __init__(self) -> None:
        self._unfinished: dict[int, int] = {}  # offset -> size; offsets come in order, so the first is the lowest
        self._next: int | None = None
        self._committed: int | None = None
        self.unfinished_bytes = 0

    def __len__(self) -> int:
        """How many records are unfinished."""
        return len(self._unfinished)

    def began(self, offset: int, size: int) -> None:
        """A record was read."""
        self._unfinished[offset] = size
        self.unfinished_bytes += size
        self._next = offset + 1

    def finished(self, offset: int) -> None:
        """A record was delivered or dead-lettered, and everything that had to follow from it is durable."""
        self.unfinished_bytes -= self._unfinished.pop(offset)

    def committable(self) -> int | None:
        """The offset that Kafka may be told, or None where it already knows."""
        prefix = next(iter(self._unfinished), self._next)
        return prefix if prefix != self._committed else None

    def committed(self, offset: int) -> None:
        """Kafka knows."""
        self._committed = offset
