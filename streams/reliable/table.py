"""A Faust table whose writes can be awaited until Kafka has them, and whose keys can be read in their order.

Closes: a write to a Faust table sends its changelog record and forgets about it; one that Kafka refuses is a line in
the log, and the state is gone with the worker's disk.
"""

import logging
import weakref

from collections.abc import Iterator
from typing import Any

import faust

from faust.stores.rocksdb import Store
from faust.streams import _current_event
from faust.types import EventT


# Faust warns of a refused write by printing the row, and so the alert in it. `durable` raises the refusal.
logging.getLogger("faust.topics").setLevel(logging.ERROR)


class DurableTable(faust.Table[bytes, bytes]):
    """Bytes by bytes. `durable` waits for the changelog."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unconfirmed: list[Any] = []

    def read(self, event: EventT[bytes], key: bytes) -> bytes | None:
        """The value of a key in the partition of this event."""
        value: bytes | None = self._database(event.message.partition).get(key)
        return value

    def write(self, event: EventT[bytes], key: bytes, value: bytes | None) -> None:
        """Set or (None) delete a key in the partition of this event. Not durable before `durable` has returned."""
        # Faust finds the partition of a write by the event that the stream is at. A batch has many.
        _current_event.set(weakref.ref(event))
        if value is not None:
            self[key] = value
        elif self.read(event, key) is not None:
            del self[key]

    def scan(self, partition: int, start: bytes, stop: bytes, most: int) -> list[tuple[bytes, bytes]]:
        """Up to `most` entries of a partition from `start` on and before `stop`, in the order of their keys."""
        found: list[tuple[bytes, bytes]] = []
        # The iterator holds RocksDB's lock on the partition, so it must not live across an await: a list is made.
        for key, value in self._items(partition, start):
            if key >= stop or len(found) == most:
                break
            found.append((key, value))
        return found

    def send_changelog(self, *args: Any, **kwargs: Any) -> Any:
        """Send as Faust does, and keep what tells when it has arrived."""
        future = super().send_changelog(*args, **kwargs)
        self._unconfirmed.append(future)
        return future

    async def durable(self) -> None:
        """Wait until Kafka has every write of this table so far.

        Raises:
            Exception: whatever Kafka refused a write with. The record that caused the write must not be committed.
        """
        unconfirmed, self._unconfirmed = self._unconfirmed, []
        for future in unconfirmed:
            await future

    def _database(self, partition: int) -> Any:
        store: Any = self.data
        return store._db_for_partition(partition)  # noqa: SLF001  # Faust has no public way to one partition.

    def _items(self, partition: int, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._database(partition).items(from_key=start):
            if key != Store.offset_key:
                yield key, value
