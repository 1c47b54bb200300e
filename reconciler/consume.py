"""Reads `delays`, `acks` and `pagerduty-events` from a week ago on, every partition of them, and remembers nothing.

No consumer group and no committed offsets: what is owed follows from the records alone, so a start reads as far back as
the longest wait reaches, and there is no state that could be wrong. Every instance reads everything; two of them only
come to the same conclusion twice.
"""

import asyncio

from typing import Any

import msgspec
import structlog

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from config.kafka_options import client_options, stopped
from config.settings import KafkaSettings
from reconciler import metrics
from reconciler.obligations import Obligation, Seen
from reconciler.order import InOrder
from streams.codec import Unusable, decode
from streams.records import DelayAlertsAdded, DelayScheduled, Millis
from streams.topics import Topic, topic_name


log = structlog.get_logger("ackline.reconciler")

_TOPICS = (Topic.DELAYS, Topic.ACKS, Topic.PAGERDUTY_EVENTS)
_BATCH = 2_000
_POLL_MS = 250
_MOST_WAITING = 4_000
"""Records of one partition of a topic that wait for the other topics to be read as far."""
_CONNECT_SECONDS = 15
_ASK_SECONDS = 5
_FETCH_SECONDS = 15


KAFKA_TROUBLES = (KafkaError, OSError, TimeoutError)
"""What reading and publishing fail with."""


class Reading:
    """One reading of the records, from a week ago to now and on."""

    def __init__(self, kafka: KafkaSettings) -> None:
        names = {topic_name(kafka.topic_prefix, topic): topic for topic in _TOPICS}
        self._topics = names
        self._kafka = kafka
        self._consumer = AIOKafkaConsumer(
            *names, group_id=None, auto_offset_reset="earliest", metadata_max_age_ms=30_000, **client_options(kafka)
        )
        # Beside the reading, for single records from the past.
        self._fetcher = AIOKafkaConsumer(group_id=None, auto_offset_reset="none", **client_options(kafka))
        self._order = InOrder(_TOPICS)
        self._read: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}

    async def start(self, since_ms: Millis) -> None:
        """Begin with what Kafka got since this time."""
        async with asyncio.timeout(_CONNECT_SECONDS):
            await self._consumer.start()
            await self._fetcher.start()
            places = self._consumer.assignment()
            found = await self._consumer.offsets_for_times(dict.fromkeys(places, since_ms))
            self._ends = await self._consumer.end_offsets(places)
        for place in places:
            self._read[place] = found[place].offset if found[place] else self._ends[place]
            self._consumer.seek(place, self._read[place])

    async def aim(self) -> None:
        """From now on, caught up means that everything was read that is there at this moment."""
        async with asyncio.timeout(_ASK_SECONDS):
            self._ends = await self._consumer.end_offsets(self._consumer.assignment())

    @property
    def behind(self) -> int:
        """How many records are still to be read."""
        return sum(max(0, end - self._read.get(place, 0)) for place, end in self._ends.items())

    async def read(self) -> list[Seen]:
        """The next records, in the order of their times. None for a moment where there are none."""
        polled = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
        for place, messages in polled.items():
            for message in messages:
                self._take(place, message)
            self._read[place] = messages[-1].offset + 1
        ready = list(self._order.take(self._is_read))
        self._balance()
        return ready

    async def alert_of(self, obligation: Obligation) -> DelayScheduled | DelayAlertsAdded | None:
        """The delay record that an obligation comes from; None where Kafka does not give it."""
        place = TopicPartition(topic_name(self._kafka.topic_prefix, Topic.DELAYS), obligation.partition)
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                self._fetcher.assign([place])
                self._fetcher.seek(place, obligation.offset)
                record = decode(Topic.DELAYS, (await self._fetcher.getone()).value)
        except (*KAFKA_TROUBLES, Unusable) as problem:
            log.error("alert_not_found", incident_id=obligation.incident_id, reason=repr(problem))  # noqa: TRY400
            return None
        return record if isinstance(record, DelayScheduled | DelayAlertsAdded) else None

    async def close(self) -> None:
        """Let go of Kafka."""
        await stopped(self._consumer)
        await stopped(self._fetcher)

    def _take(self, place: TopicPartition, message: Any) -> None:
        topic = self._topics[place.topic]
        try:
            record = decode(topic, message.value)
        except Unusable:
            metrics.UNUSABLE.inc()  # whoever else reads it puts it aside, and says why
            return
        if isinstance(record, DelayScheduled | DelayAlertsAdded):
            record = msgspec.structs.replace(record, payload={})  # large, and at hand in Kafka
        self._order.add(topic, Seen(record, message.timestamp, place.partition, message.offset))

    def _is_read(self, topic: Topic, partition: int) -> bool:
        place = TopicPartition(topic_name(self._kafka.topic_prefix, topic), partition)
        return self._read.get(place, 0) >= self._ends.get(place, 0)

    def _balance(self) -> None:
        """Let those catch up that others wait for."""
        for place in self._consumer.assignment():
            full = self._order.waiting(self._topics[place.topic], place.partition) >= _MOST_WAITING
            if full != (place in self._consumer.paused()):
                (self._consumer.pause if full else self._consumer.resume)(place)
