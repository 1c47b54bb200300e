"""Reads what is in the topics, as any consumer would, and which partition a key goes to."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.partitioner import murmur2

from ackline.topic_access import records_in
from config.settings import Settings
from streams.codec import decode
from streams.records import Happening, LogEntry
from streams.topics import Topic, all_topics, topic_name


def partition_of(key: str, partitions: int) -> int:
    """Where every producer of ours puts a record with this key."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


async def everything_in(settings: Settings, topic: Topic) -> list[ConsumerRecord]:
    """What is in a topic now."""
    name = topic_name(settings.kafka.topic_prefix, topic)
    return [record async for record in records_in(settings.kafka, [name])]


async def write(settings: Settings, records: Iterable[tuple[Topic, int | None, bytes]]) -> None:
    """Write records without a key into these topics and partitions, or to any partition; return when Kafka has them."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, acks="all", linger_ms=5,
                                max_request_size=8 * 1024 * 1024) as producer:  # fmt: skip
        sent = []
        for topic, partition, value in records:
            name = topic_name(settings.kafka.topic_prefix, topic)
            sent.append(await producer.send(name, value, partition=partition))
        for each in sent:
            await each


async def delete_all(settings: Settings) -> None:
    """Take away all topics of a deployment: a broker that starts again looks at each that it has."""
    kafka = settings.kafka
    specs = all_topics(prefix=kafka.topic_prefix, partitions=1, replication_factor=1)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    try:
        await admin.start()
        await admin.delete_topics([spec.name for spec in specs])
    finally:
        await admin.close()


async def count_in(settings: Settings, topic: Topic) -> int:
    """How many records were ever written to a topic."""
    name = topic_name(settings.kafka.topic_prefix, topic)
    places = [TopicPartition(name, number) for number in range(settings.kafka.partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka.bootstrap_servers) as consumer:
        return sum((await consumer.end_offsets(places)).values())


@dataclass(slots=True)
class Ledger:
    """What the pipeline itself says that it has decided."""

    incidents: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Ids of incidents by their source key."""
    decisions: dict[tuple[str, int], set[Happening]] = field(default_factory=lambda: defaultdict(set))
    """What was decided about a round of an incident."""
    escalated_ms: dict[str, int] = field(default_factory=dict)
    """When a page was decided, by its dedup key; the first time where a worker has died with it."""
    dead_letters: list[ConsumerRecord] = field(default_factory=list)
    reconciled: list[str] = field(default_factory=list)
    """Incidents that no streams worker has paged."""

    def decided_twice(self) -> list[str]:
        """Rounds that were paged and acknowledged in time: only one of the two can be."""
        both = {Happening.ESCALATED, Happening.ACKNOWLEDGED}
        return [f"{incident} round {number}" for (incident, number), what in self.decisions.items() if both <= what]


async def ledger(settings: Settings) -> Ledger:
    """Read all of it."""
    read = Ledger(dead_letters=await everything_in(settings, Topic.DEAD_LETTERS))
    for record in await everything_in(settings, Topic.INCIDENT_LOG):
        try:
            entry: LogEntry = decode(Topic.INCIDENT_LOG, record.value)
        except Exception:  # noqa: BLE001, S112  # What rows have written there to spoil it.
            continue
        read.incidents[entry.source_key].add(entry.incident_id)
        read.decisions[entry.incident_id, int(entry.detail.get("round", 1))].add(entry.what)
        if entry.what is Happening.ESCALATED:
            read.escalated_ms.setdefault(str(entry.detail.get("dedup_key")), entry.at_ms)
        if entry.role == "reconciler":
            read.reconciled.append(entry.incident_id)
    return read
