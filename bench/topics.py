"""The topics of a deployment: made, filled, counted and read from outside.

Their records bear the broker's clock (`LogAppendTime`): the time at which a record is durable, by one clock for all.
"""

import asyncio
import contextlib

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from bench.processes import Process, until
from config.settings import KafkaSettings
from streams.topics import Table, Topic, all_topics, changelog_name, topic_name


_IN_FLIGHT = 5_000
_REQUEST_BYTES = 8 * 1024 * 1024
_BATCH_BYTES = 256 * 1024
LIMIT_TOPICS = ("limit-in", "limit-slack-notifications", "limit-delays")
"""What the naive ways write to, in a deployment's own topics."""


@dataclass(frozen=True, slots=True)
class Given:
    """A record to be written."""

    key: bytes
    value: bytes
    partition: int | None = None


async def create(kafka: KafkaSettings) -> None:
    """All topics that the roles need, and those of the naive ways."""
    specs = all_topics(prefix=kafka.topic_prefix, partitions=kafka.partitions, replication_factor=1)
    config = {spec.name: {**spec.config, "message.timestamp.type": "LogAppendTime"} for spec in specs}
    config |= {f"{kafka.topic_prefix}{name}": {"message.timestamp.type": "LogAppendTime"} for name in LIMIT_TOPICS}
    async with _admin(kafka) as admin:
        await admin.create_topics(
            [NewTopic(name, kafka.partitions, 1, topic_configs=each) for name, each in config.items()]
        )


async def delete(kafka: KafkaSettings) -> None:
    """All topics of the deployment. Those that stay are a load on what comes after, and no reason to end."""
    with contextlib.suppress(KafkaError):
        await _delete(kafka)


async def _delete(kafka: KafkaSettings) -> None:
    async with _admin(kafka) as admin:
        names = [name for name in await admin.list_topics() if name.startswith(kafka.topic_prefix)]
        await admin.delete_topics(names)


async def write(kafka: KafkaSettings, name: str, records: Iterable[Given]) -> None:
    """Write records to a topic; return when Kafka has them."""
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, acks="all", linger_ms=5, max_batch_size=_BATCH_BYTES,
        max_request_size=_REQUEST_BYTES,
    ) as producer:  # fmt: skip
        sent: list[asyncio.Future[object]] = []
        for record in records:
            sent.append(await producer.send(name, record.value, key=record.key, partition=record.partition))
            if len(sent) >= _IN_FLIGHT:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)


class Reading:
    """Counts and reads topics, as any consumer would."""

    def __init__(self, kafka: KafkaSettings, consumer: AIOKafkaConsumer) -> None:
        self._kafka = kafka
        self._consumer = consumer

    async def count(self, name: str) -> int:
        """How many records were ever written to a topic."""
        return sum((await self._consumer.end_offsets(self._places(name))).values())

    async def until(self, name: str, count: int, seconds: float, *needed: Process) -> None:
        """Wait until a topic has so many records; `needed` are the processes without which that will not be."""

        async def has_all() -> bool:
            return await self.count(name) >= count

        await until(has_all, f"{count} records in {name}", seconds, *needed, every=0.1)

    async def records(self, name: str) -> AsyncIterator[ConsumerRecord]:
        """What is in a topic now; not all of it at once, since it may be much."""
        consumer, places = self._consumer, self._places(name)
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                for record in batch:
                    yield record

    async def moments(self, *names: str) -> list[float]:
        """When the records of topics became durable, in seconds."""
        return [record.timestamp / 1000 for name in names async for record in self.records(name)]

    def _places(self, name: str) -> Sequence[TopicPartition]:
        return [TopicPartition(name, number) for number in range(self._kafka.partitions)]


@contextlib.asynccontextmanager
async def reading(kafka: KafkaSettings) -> AsyncIterator[Reading]:
    """Something that reads, until the block ends."""
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, max_partition_fetch_bytes=_REQUEST_BYTES
    ) as consumer:
        yield Reading(kafka, consumer)


@contextlib.asynccontextmanager
async def _admin(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def named(kafka: KafkaSettings, topic: Topic | Table | str) -> str:
    """The name of a topic, of a table's changelog, or of a topic of the naive ways."""
    if isinstance(topic, Topic):
        return topic_name(kafka.topic_prefix, topic)
    return changelog_name(kafka.topic_prefix, topic) if isinstance(topic, Table) else f"{kafka.topic_prefix}{topic}"
