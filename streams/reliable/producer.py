"""A Faust producer that Kafka has to acknowledge on all replicas, once and in order, and that writes many records together.

Closes: Faust turns idempotence on only together with its transactions, which have troubles of their own. And its `send`
waits and answers for each record by itself, of which a page has six.
"""

import asyncio

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from faust.transport.drivers.aiokafka import Producer
from faust.types import TP


class Outgoing(NamedTuple):
    """A record on its way to Kafka."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    """None: the one that its key belongs to."""


# All that a decision writes has one key, and the hash of a key is plain Python.
@lru_cache(maxsize=8192)
def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's own partition of a key."""
    return int(DefaultPartitioner()(key, range(partitions), range(partitions)))


class IdempotentProducer(Producer):
    """See the module."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    async def write(self, records: Sequence[Outgoing]) -> dict[TP, int]:
        """Write all of them, each partition's in their order, and wait until they are durable.

        Returns the last offset that was written in each partition.

        Raises:
            Exception: whatever Kafka refused one of them with. Others may have been written.
        """
        producer = self._ensure_producer()
        partitions = {topic: len(await producer.partitions_for(topic)) for topic in {each.topic for each in records}}
        by_place: dict[TP, list[Outgoing]] = {}
        for record in records:
            by_place.setdefault(_place(record, partitions[record.topic]), []).append(record)
        ends = await asyncio.gather(*[_write_to(producer, place, given) for place, given in by_place.items()])
        return dict(zip(by_place, ends, strict=True))


def _place(record: Outgoing, partitions: int) -> TP:
    if record.partition is not None:
        return TP(record.topic, record.partition)
    assert record.key is not None, "a record without a key names its partition"
    return TP(record.topic, partition_of(record.key, partitions))


async def _write_to(producer: AIOKafkaProducer, place: TP, records: Sequence[Outgoing]) -> int:
    """Write to one partition; the offset of the last record."""
    sent, last = [], 0
    for batch in _batches(producer, records):
        # This waits until the batch before is on its way, and not until it has arrived.
        sent.append(await producer.send_batch(batch, place.topic, partition=place.partition))
        last = batch.record_count() - 1
    return int((await asyncio.gather(*sent))[-1].offset) + last


def _batches(producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> Iterator[Any]:
    """As few of Kafka's batches as hold them. A record that is larger than a batch has one to itself."""
    batch = producer.create_batch()
    for record in records:
        if batch.append(timestamp=None, key=record.key, value=record.value) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(timestamp=None, key=record.key, value=record.value)
    # Nothing of anybody else's may get in: its records would be counted as ours.
    batch.close()
    yield batch
