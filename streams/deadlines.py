"""The queue of deadlines: a table whose keys, in byte order, are the deadlines in time order.

A look at what is due costs what is due, however much is pending (law 8): it begins at a cursor and ends at now.
"""

from typing import Final

from faust.types import EventT

from streams.decide.escalation import Deadline, DeadlineKind
from streams.records import Millis
from streams.reliable.table import DurableTable


_PRESENT: Final = b"1"


class DeadlineQueue:
    """The deadlines of every partition that this worker owns."""

    def __init__(self, table: DurableTable) -> None:
        self._table = table
        # Where the first deadline can be. Deleted keys are markers that RocksDB walks over until it compacts: a walk
        # from the beginning of the table would cost what was ever due.
        self._cursors: dict[int, bytes] = {}

    def replace(self, event: EventT[bytes], old: Deadline | None, new: Deadline | None) -> None:
        """Move a deadline in the partition of this event. One that stays as it was is written where it is missing:
        what is being processed again may have been interrupted before it was."""
        if old is not None and old != new:
            self.remove(event, old)
        if new is not None:
            key = _key(new)
            partition = event.message.partition
            self._cursors[partition] = min(self._cursors.get(partition, b""), key)
            if new != old or self._table.read(event, key) is None:
                self._table.write(event, key, _PRESENT)

    def remove(self, event: EventT[bytes], deadline: Deadline) -> None:
        """Take a deadline out of the partition of this event."""
        self._table.write(event, _key(deadline), None)

    def due(self, partition: int, now_ms: Millis, most: int) -> list[Deadline]:
        """Up to `most` deadlines of a partition that have come, the earliest first."""
        start, stop = self._cursors.get(partition, b""), b"%013d" % (now_ms + 1)
        entries = self._table.scan(partition, start, stop, most)
        self._cursors[partition] = entries[0][0] if entries else stop
        return [_deadline(key) for key, _ in entries]

    def advance(self, partition: int, past: Deadline) -> None:
        """All deadlines up to this one are taken out."""
        self._cursors[partition] = _key(past)

    def rewind(self) -> None:
        """Partitions moved: what is in the tables now was written by somebody else."""
        self._cursors.clear()

    async def durable(self) -> None:
        """See `DurableTable.durable`."""
        await self._table.durable()


def _key(deadline: Deadline) -> bytes:
    return f"{deadline.due_ms:013d}|{deadline.incident_id}|{deadline.kind}".encode()


def _deadline(key: bytes) -> Deadline:
    due, _, rest = key.decode().partition("|")
    incident_id, _, kind = rest.rpartition("|")
    return Deadline(int(due), incident_id, DeadlineKind(kind))
