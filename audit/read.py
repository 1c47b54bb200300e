"""What the audit reads from Kafka: the records between two times, and since when Kafka surely has all of them."""

import time

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from audit.record import LogRecord, Span, Spans
from audit.topics_source import TopicsSource, reading_topics
from config.kafka_options import client_options
from config.settings import KafkaSettings
from streams.topics import KEPT_FOR_AUDIT, Topic, topic_name


STORY = tuple(topic for topic in Topic if topic is not Topic.TICKS)
"""All but the ticks: they are kept for minutes, and say nothing but what time it was."""

_AT_ONCE = 500
_POLL_MS = 250
_RETENTION = "retention.ms"


class KafkaLog:
    """What lies in the topics between two times; it does not grow while it is read."""

    def __init__(self, kafka: KafkaSettings, source: TopicsSource, whole_from_ms: int) -> None:
        self._kafka = kafka
        self._source = source
        self.spans: Spans = {(each.topic, each.partition): Span(each.begin, each.end) for each in source.ranges}
        self.whole_from_ms = whole_from_ms
        """Since when Kafka surely has all of it: older records of some topic may be deleted already."""

    @property
    def size(self) -> int:
        """How many records there are to read, or a few less."""
        return self._source.size

    async def read(self) -> AsyncIterator[Sequence[LogRecord]]:
        """All of them, some of one partition at once; one partition after the other, each in the order of time."""
        async for batch in self._source.batches():
            yield [_record(topic, message) for topic, message in batch]

    async def follow(self) -> AsyncIterator[Sequence[LogRecord]]:
        """What is written from the end on, in the order of time as far as it comes together; without an end."""
        prefix = self._kafka.topic_prefix
        places = {TopicPartition(topic_name(prefix, topic), number): (topic, number) for topic, number in self.spans}
        async with AIOKafkaConsumer(group_id=None, enable_auto_commit=False, **client_options(self._kafka)) as consumer:
            consumer.assign(list(places))
            for place, key in places.items():
                consumer.seek(place, self.spans[key].end)
            while True:
                batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
                found = [_record(places[place][0], each) for place, batch in batches.items() for each in batch]
                yield sorted(found, key=_time)


@asynccontextmanager
async def opened(
    kafka: KafkaSettings, *, from_ms: int | None, to_ms: int | None, topics: Sequence[Topic] = STORY
) -> AsyncIterator[KafkaLog]:
    """What lies in these topics now, or of that what was written in this time.

    Raises:
        TopicsUnreadableError: Kafka does not answer, or has no such topics.
    """
    async with reading_topics(kafka, topics, from_ms=from_ms, to_ms=to_ms) as source:
        kept_since_ms = await _kept_since_ms(kafka, [topic_name(kafka.topic_prefix, topic) for topic in topics])
        yield KafkaLog(kafka, source, max(kept_since_ms, from_ms or 0))


async def _kept_since_ms(kafka: KafkaSettings, names: Sequence[str]) -> int:
    """Since when these topics are surely whole: Kafka deletes what is older than their retention, segment by segment."""
    admin = AIOKafkaAdminClient(**client_options(kafka))
    try:
        await admin.start()
        asked = [ConfigResource(ConfigResourceType.TOPIC, name, {_RETENTION: None}) for name in names]
        answers = [each for response in await admin.describe_configs(asked) for each in response.resources]
    finally:
        await admin.close()
    found = [int(entry[1]) for *_, entries in answers for entry in entries if entry[0] == _RETENTION and entry[1]]
    # Who may not see the configuration gets none; -1 keeps for ever.
    kept_ms = min([each for each in found if each >= 0], default=KEPT_FOR_AUDIT // timedelta(milliseconds=1))
    return time.time_ns() // 1_000_000 - kept_ms


def _record(topic: Topic, message: ConsumerRecord) -> LogRecord:
    value, headers = message.value or b"", tuple(message.headers)
    return LogRecord(topic, message.partition, message.offset, message.timestamp, message.key, value, headers)


def _time(record: LogRecord) -> tuple[int, int]:
    return record.timestamp_ms, STORY.index(record.topic)
