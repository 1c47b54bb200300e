"""Puts records into Kafka and knows when Kafka has them: durable (acks=all, idempotent), bounded in time and memory.

The producer comes and goes with the broker; the edge stays up. A record whose outcome is not known in time is answered
as not published and may arrive all the same, since a send cannot be taken back: readers take repeats for granted.
"""

import asyncio
import time

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from config.kafka_options import PRODUCER_BATCH_BYTES, client_options, stopped
from config.settings import IngestSettings, KafkaSettings
from ingest import metrics
from streams.topics import MAX_RECORD_BYTES, Topic, topic_name


log = structlog.get_logger("ackline.ingest")

MAX_IN_FLIGHT_BYTES = 128 * 1024 * 1024
"""What an outage may keep in memory. Counting requests alone would let large bodies take gigabytes."""
_CONNECT = timedelta(seconds=10)
_RETRY_AFTER = timedelta(seconds=1)
_ASK_EVERY = timedelta(seconds=2)
_CLOSE = timedelta(seconds=5)
_LARGEST_VALUE = MAX_RECORD_BYTES - 1024
"""Leaves room for the key and Kafka's own envelope. Known before anything is sent: an array goes whole or not at all."""


class NotPublished(Exception):  # noqa: N818  # It says what is known: the records are not in Kafka.
    """Kafka has not acknowledged the records.

    KafkaAway      not reachable, or silent for too long
    Overloaded     too much is waiting for Kafka already
    RecordTooLarge will never fit, however often it is tried
    """

    reason = "not_published"


class KafkaAway(NotPublished):
    """Kafka is not reachable, or did not acknowledge in time."""

    reason = "kafka_away"


class Overloaded(NotPublished):
    """Too many records wait for Kafka already."""

    reason = "overload"


class RecordTooLarge(NotPublished):
    """The record is larger than the topic takes."""

    reason = "too_large"


@dataclass(frozen=True, slots=True)
class Message:
    """One record on its way."""

    topic: Topic
    key: str
    value: bytes


class Publisher:
    """Publishes to Kafka while it is there, and says so while it is not."""

    def __init__(self, kafka: KafkaSettings, bounds: IngestSettings) -> None:
        self._kafka = kafka
        self._most_waiting = bounds.max_in_flight
        self._timeout = bounds.publish_timeout.total_seconds()
        self._names = {topic: topic_name(kafka.topic_prefix, topic) for topic in Topic}
        self._producer: AIOKafkaProducer | None = None
        self._broken = asyncio.Event()
        self._waiting = 0
        self._waiting_bytes = 0
        self._deliveries: set[asyncio.Task[None]] = set()
        self.trouble: str | None = "not connected yet"
        """What is wrong with Kafka; None while all is well."""

    async def run(self, stop: asyncio.Event) -> None:
        """Keep a producer until told to stop, and a new one whenever the old one is beyond help."""
        while not stop.is_set():
            producer = AIOKafkaProducer(
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                max_batch_size=PRODUCER_BATCH_BYTES,
                max_request_size=MAX_RECORD_BYTES,
                request_timeout_ms=int(_CONNECT.total_seconds() * 1000),
                **client_options(self._kafka),
            )
            try:
                await self._connect(producer)
                await self._watch(producer, stop)
            except (KafkaError, OSError, TimeoutError) as problem:
                self.trouble = f"Kafka at {self._kafka.bootstrap_servers}: {type(problem).__name__} {problem}".strip()
                log.warning("kafka_lost", reason=self.trouble)
            finally:
                self._producer = None
                await _closed(producer)
            await _wait(stop, _RETRY_AFTER)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when Kafka has acknowledged all of them.

        Raises:
            NotPublished: it has not, or not all. They may still arrive.
        """
        producer = self._producer
        if producer is None:
            raise KafkaAway(self.trouble or "Kafka is not connected")
        sizes = [len(message.value) for message in messages]
        if max(sizes) > _LARGEST_VALUE:
            raise RecordTooLarge("the record is larger than Kafka takes")
        size = sum(sizes)
        if self._waiting >= self._most_waiting or self._waiting_bytes + size > MAX_IN_FLIGHT_BYTES:
            raise Overloaded(f"{self._waiting} requests wait for Kafka already")
        began = time.perf_counter()
        delivery = self._begin(producer, messages, size)
        try:
            async with asyncio.timeout(self._timeout):
                # Shielded: a send cannot be taken back, and its place in memory is its own until it is settled.
                await asyncio.shield(delivery)
        except TimeoutError:
            raise KafkaAway(f"Kafka did not acknowledge within {self._timeout:g} s") from None
        except KafkaError as problem:
            raise self._judged(problem, producer) from problem
        metrics.PUBLISH_SECONDS.observe(time.perf_counter() - began)

    def _begin(self, producer: AIOKafkaProducer, messages: Sequence[Message], size: int) -> asyncio.Task[None]:
        # It holds its place until Kafka has settled it, not until its request gives up: that is what takes memory.
        self._waiting += 1
        self._waiting_bytes += size
        delivery = asyncio.create_task(self._deliver(producer, messages))
        self._deliveries.add(delivery)

        def settled(done: asyncio.Task[None]) -> None:
            self._deliveries.discard(done)
            self._waiting -= 1
            self._waiting_bytes -= size
            if not done.cancelled():
                done.exception()  # Fetched, or asyncio complains where the request has given up.

        delivery.add_done_callback(settled)
        return delivery

    async def _deliver(self, producer: AIOKafkaProducer, messages: Sequence[Message]) -> None:
        sent = [
            await producer.send(self._names[message.topic], message.value, key=message.key.encode())
            for message in messages
        ]
        for acknowledgement in sent:
            await acknowledgement

    def _judged(self, problem: KafkaError, producer: AIOKafkaProducer) -> NotPublished:
        if isinstance(problem, MessageSizeTooLargeError):
            return RecordTooLarge("the record is larger than Kafka takes")
        # An idempotent producer that has failed once may fail for ever (fenced, out of sequence): take a new one.
        if producer is self._producer:
            self._broken.set()
        return KafkaAway(f"Kafka did not take the record ({type(problem).__name__})")

    async def _connect(self, producer: AIOKafkaProducer) -> None:
        async with asyncio.timeout(_CONNECT.total_seconds()):
            await producer.start()
        for topic in (Topic.ALERTS, Topic.ACKS):
            await self._find(producer, self._names[topic])
        self._broken.clear()
        self._producer = producer
        self.trouble = None
        log.info("kafka_connected", bootstrap_servers=self._kafka.bootstrap_servers)

    @staticmethod
    async def _find(producer: AIOKafkaProducer, name: str) -> None:
        try:
            async with asyncio.timeout(_CONNECT.total_seconds()):
                await producer.partitions_for(name)
        except (UnknownTopicOrPartitionError, TimeoutError):
            raise KafkaError(f"has no topic {name}; `ackline topics --apply` creates it") from None

    async def _watch(self, producer: AIOKafkaProducer, stop: asyncio.Event) -> None:
        """Ask for the brokers now and then, so that readiness does not have to wait for an alert to fail."""
        while not stop.is_set() and not self._broken.is_set():
            answered = await _answers(producer)
            self.trouble = None if answered else f"no broker of {self._kafka.bootstrap_servers} answers"
            metrics.IN_FLIGHT.set(self._waiting)
            metrics.IN_FLIGHT_BYTES.set(self._waiting_bytes)
            await _wait(stop, _ASK_EVERY, self._broken)


async def _answers(producer: AIOKafkaProducer) -> bool:
    try:
        async with asyncio.timeout(_CONNECT.total_seconds()):
            return bool(await producer.client.force_metadata_update())
    except TimeoutError:
        return False


async def _closed(producer: AIOKafkaProducer) -> None:
    if problem := await stopped(producer, _CLOSE.total_seconds()):
        log.warning("kafka_not_flushed", reason=problem)


async def _wait(stop: asyncio.Event, longest: timedelta, other: asyncio.Event | None = None) -> None:
    events = [stop] if other is None else [stop, other]
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=longest.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
