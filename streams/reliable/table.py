"""A Faust table whose writes can be awaited until Kafka has them, and whose keys can be read in their order.

Closes: a write to a Faust table sends its changelog record and forgets about it; one that Kafka refuses is a line in
the log, and the state is gone with the worker's disk. And the disk has it before Kafka does: after a death in between the
row looks as if nothing was left to write, and Kafka never gets it. Here the disk never knows more than Kafka.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import faust

from faust.stores.rocksdb import Store
from faust.types import EventT
from rocksdict import ReadOptions, WriteBatch

from streams.reliable.producer import Outgoing


_Write = tuple[tuple[int, bytes], bytes | None]


class DurableTable(faust.Table[bytes, bytes]):
    """Bytes by bytes. What is written is in memory until `durable` has sent it to Kafka, and then put it on the disk."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._written: dict[tuple[int, bytes], bytes | None] = {}
        """By partition and key: what is not durable yet."""

    def read(self, event: EventT[bytes], key: bytes) -> bytes | None:
        """The value of a key in the partition of this event."""
        partition = event.message.partition
        if (partition, key) in self._written:
            return self._written[partition, key]
        value: bytes | None = self._database(partition).get(key)
        return value

    def write(self, event: EventT[bytes], key: bytes, value: bytes | None) -> None:
        """Set or (None) delete a key in the partition of this event. Not durable before `durable` has returned."""
        if value is not None or self.read(event, key) is not None:
            self._written[event.message.partition, key] = value

    def scan(self, partition: int, start: bytes, stop: bytes, most: int) -> list[tuple[bytes, bytes]]:
        """Up to `most` durable entries of a partition from `start` on and before `stop`, in the order of their keys."""
        found: list[tuple[bytes, bytes]] = []
        # The iterator holds RocksDB's lock on the partition, so it must not live across an await: a list is made.
        for key, value in self._items(partition, start, stop):
            if len(found) == most:
                break
            found.append((key, value))
        return found

    async def durable(self) -> None:
        """Wait until Kafka has every write of this table so far, then put them on the disk.

        Raises:
            Exception: whatever Kafka refused a write with. The record that caused the write must not be committed.
        """
        producer: Any = self.app.producer
        written, changelog = list(self._written.items()), self.changelog_topic_name
        ends = await producer.write([Outgoing(changelog, key, value, partition) for (partition, key), value in written])
        self._put(written, {place.partition: offset for place, offset in ends.items()})
        self._written.clear()

    def _put(self, written: Sequence[_Write], ends: Mapping[int, int]) -> None:
        """To the disk, with where that ends in the changelog: a recovery begins behind it."""
        batches: dict[int, Any] = defaultdict(partial(WriteBatch, raw_mode=True))
        for (partition, key), value in written:
            if value is not None:
                batches[partition].put(key, value)
            else:
                batches[partition].delete(key)
        for partition, batch in batches.items():
            batch.put(Store.offset_key, b"%d" % ends[partition])
            self._database(partition).write(batch)

    def _database(self, partition: int) -> Any:
        store: Any = self.data
        return store._db_for_partition(partition)  # noqa: SLF001  # Faust has no public way to one partition.

    def _items(self, partition: int, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        # Deleted keys are markers until RocksDB compacts: without a bound it walks over all of them, also behind `stop`,
        # to the next key that there is.
        bounded = ReadOptions()
        bounded.set_iterate_upper_bound(stop)
        for key, value in self._database(partition).items(from_key=start, read_opt=bounded):
            if key != Store.offset_key:
                yield key, value
