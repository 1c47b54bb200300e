"""Which records of a partition were delivered and which are finished: commits only ever cover a finished prefix.

Closes: Faust's own consumer may commit past a record that nobody has processed, for example when a later one was
acknowledged first, or was dropped without being processed while partitions were moving.
"""

from collections import defaultdict
from collections.abc import Hashable
from typing import Generic, TypeVar


P = TypeVar("P", bound=Hashable)


class Ledger(Generic[P]):
    """Delivered and finished offsets by partition, in the order of delivery."""

    def __init__(self) -> None:
        self._finished: dict[P, dict[int, bool]] = defaultdict(dict)
        self._next: dict[P, int] = {}

    def begin(self, partition: P, offset: int) -> None:
        """From here on the partition is read."""
        self._next[partition] = offset

    def missed(self, partition: P, offset: int) -> int | None:
        """The first offset that is skipped where this one is delivered next; None where there is none."""
        following = self._next.get(partition, offset)
        return following if following < offset else None

    def delivered(self, partition: P, offset: int) -> None:
        """A record is on its way to whoever processes it."""
        self._finished[partition][offset] = False
        self._next[partition] = max(self._next.get(partition, 0), offset + 1)

    def finished(self, partition: P, offset: int) -> None:
        """All that a record causes is done and durable. One that is not known as delivered is left alone."""
        offsets = self._finished[partition]
        if offset in offsets:
            offsets[offset] = True

    def take_committable(self, partition: P) -> int | None:
        """The offset to commit: one past the finished prefix, which is then forgotten. None: nothing new to commit."""
        offsets = self._finished[partition]
        prefix = []
        for offset, finished in offsets.items():
            if not finished:
                break
            prefix.append(offset)
        for offset in prefix:
            del offsets[offset]
        return prefix[-1] + 1 if prefix else None

    def forget(self, partition: P) -> None:
        """The partition is read again from its commit, or by somebody else."""
        self._finished.pop(partition, None)
        self._next.pop(partition, None)

    def first(self) -> dict[P, int]:
        """By partition: the first offset that is not committed. None where there is nothing to commit."""
        return {partition: next(iter(offsets)) for partition, offsets in self._finished.items() if offsets}

    def partitions(self) -> list[P]:
        """Every partition of which a record was delivered."""
        return list(self._finished)
