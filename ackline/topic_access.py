"""Reads and writes topics as any other client of the broker could: without a consumer group, and leaving no trace."""

from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from config.kafka_options import client_options
from config.settings import KafkaSettings


_POLL_MS = 250


async def write(kafka: KafkaSettings, topic: str, value: bytes) -> None:
    """Write one record without a key; returns when the broker has it."""
    async with AIOKafkaProducer(acks="all", **client_options(kafka)) as producer:
        await producer.send_and_wait(topic, value)


async def everything_in(kafka: KafkaSettings, topics: Iterable[str]) -> AsyncIterator[tuple[str, bytes]]:
    """Every record that is in these topics now: the topic, and all bytes of the record, headers included."""
    places = [TopicPartition(topic, partition) for topic in topics for partition in range(kafka.partitions)]
    async with AIOKafkaConsumer(enable_auto_commit=False, **client_options(kafka)) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        for place in places:
            # Where a position stands is asked anew: compaction and aborted writes leave offsets without a record.
            while await consumer.position(place) < ends[place]:
                for batch in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in batch:
                        yield record.topic, _bytes_of(record)


def _bytes_of(record: ConsumerRecord) -> bytes:
    headers = [part for name, value in record.headers for part in (name.encode(), value)]
    return b"\n".join(part or b"" for part in (record.key, record.value, *headers))
