"""Reads and writes topics as any other client of the broker could: without a consumer group, and leaving no trace."""

import asyncio
import contextlib

from collections.abc import AsyncIterator, Iterable, Iterator

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from ackline.topics_admin import KafkaUnreachableError, TopicsError
from config.kafka_options import client_options, stopped
from config.settings import KafkaSettings
from streams.records.dead_letter import Headers
from streams.topics import MAX_RECORD_BYTES


_POLL_MS = 250
_SILENT_SECONDS = 20.0
"""A broker from which nothing has come for so long, although there is more, is not there any more."""
_SEND_SECONDS = 30.0


class Writer:
    """Writes records; each is on all replicas when `write` returns."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def write(
        self, topic: str, value: bytes | None, *, key: bytes | None = None, partition: int | None = None,
        headers: Headers | None = None,
    ) -> tuple[int, int]:  # fmt: skip
        """Write one; returns the partition and the offset that it has got.

        Raises:
            TopicsError: it is larger than the topic takes.
        """
        try:
            # An idempotent producer never gives up by itself, however long no broker answers.
            async with asyncio.timeout(_SEND_SECONDS):
                sent = await self._producer.send_and_wait(topic, value, key=key, partition=partition, headers=headers)
        except MessageSizeTooLargeError:
            raise TopicsError(f"is larger than {topic} takes") from None
        return sent.partition, sent.offset


@contextlib.asynccontextmanager
async def writing(kafka: KafkaSettings) -> AsyncIterator[Writer]:
    """A writer, for as long as the block runs."""
    options = {"acks": "all", "enable_idempotence": True, "max_request_size": MAX_RECORD_BYTES}
    with _told(kafka):
        producer = AIOKafkaProducer(**options, **client_options(kafka))
        try:
            await producer.start()
            yield Writer(producer)
        finally:
            await stopped(producer)


async def write(kafka: KafkaSettings, topic: str, value: bytes) -> None:
    """Write one record without a key; returns when the broker has it."""
    async with writing(kafka) as writer:
        await writer.write(topic, value)


async def everything_in(kafka: KafkaSettings, topics: Iterable[str]) -> AsyncIterator[tuple[str, bytes]]:
    """Every record that is in these topics now: the topic, and all bytes of the record, headers included."""
    async for record in records_in(kafka, topics):
        yield record.topic, _bytes_of(record)


async def records_in(
    kafka: KafkaSettings, topics: Iterable[str], *, since_ms: int | None = None
) -> AsyncIterator[ConsumerRecord]:
    """Every record that is in these topics now, or of those the ones since a time; each partition in its order."""
    places = [TopicPartition(topic, partition) for topic in topics for partition in range(kafka.partitions)]
    async with _reading(kafka, places) as consumer:
        ends = await consumer.end_offsets(places)
        begins = await _begins(consumer, places, since_ms)
        for place in places:
            # `seek_to_beginning` may lose against the reset that every assignment begins with.
            consumer.seek(place, begins.get(place, ends[place]))
        async for record in _until(consumer, ends):
            yield record


async def record_at(kafka: KafkaSettings, topic: str, partition: int, offset: int) -> ConsumerRecord | None:
    """The record at this place; None where the topic has none there, or no longer."""
    place = TopicPartition(topic, partition)
    if not 0 <= partition < kafka.partitions:
        return None
    async with _reading(kafka, [place]) as consumer:
        begin, end = (await consumer.beginning_offsets([place]))[place], (await consumer.end_offsets([place]))[place]
        if not begin <= offset < end:
            return None
        consumer.seek(place, offset)
        async for record in _until(consumer, {place: offset + 1}):
            return record if record.offset == offset else None
    return None


@contextlib.asynccontextmanager
async def _reading(kafka: KafkaSettings, places: list[TopicPartition]) -> AsyncIterator[AIOKafkaConsumer]:
    with _told(kafka):
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            # Where the oldest records are deleted while they are read, the next ones are read.
            auto_offset_reset="earliest",
            **client_options(kafka),
        )
        try:
            await consumer.start()
            consumer.assign(places)
            yield consumer
        finally:
            await stopped(consumer)


async def _begins(
    consumer: AIOKafkaConsumer, places: list[TopicPartition], since_ms: int | None
) -> dict[TopicPartition, int]:
    """Where to begin; a place without anything to read is missing."""
    if since_ms is None:
        begins: dict[TopicPartition, int] = await consumer.beginning_offsets(places)
        return begins
    found = await consumer.offsets_for_times(dict.fromkeys(places, since_ms))
    return {place: at.offset for place, at in found.items() if at is not None}


async def _until(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> AsyncIterator[ConsumerRecord]:
    heard, loop = asyncio.get_running_loop().time(), asyncio.get_running_loop()
    for place, end in ends.items():
        # Where a position stands is asked anew: compaction and aborted writes leave offsets without a record.
        while await consumer.position(place) < end:
            for batch in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                for record in batch:
                    yield record
                heard = loop.time()  # Now, and not before: what is done with a record may take its time.
            if loop.time() - heard > _SILENT_SECONDS:
                raise TimeoutError


@contextlib.contextmanager
def _told(kafka: KafkaSettings) -> Iterator[None]:
    """What a person is told when Kafka does not answer."""
    try:
        yield
    except (KafkaError, TimeoutError) as problem:
        raise KafkaUnreachableError(
            f"kafka.bootstrap_servers: Kafka at {kafka.bootstrap_servers} does not answer, or refuses "
            f"({type(problem).__name__}). Does it run, and is the address right as seen from here?"
        ) from problem


def _bytes_of(record: ConsumerRecord) -> bytes:
    headers = [part for name, value in record.headers for part in (name.encode(), value)]
    return b"\n".join(part or b"" for part in (record.key, record.value, *headers))
