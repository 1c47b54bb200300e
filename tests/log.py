"""Reads what is in a topic, as any consumer would, for tests."""

import json
import time

from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from config.settings import Settings
from streams.topics import Topic, topic_name


PATIENCE = 30.0


def value_of(record: ConsumerRecord) -> dict[str, Any]:
    """The JSON object that a record holds."""
    value: dict[str, Any] = json.loads(record.value)
    return value


async def wait_for_records(settings: Settings, topic: Topic, count: int) -> list[ConsumerRecord]:
    """What is in a topic, in the order of time, as soon as there are `count` records."""
    deadline = time.monotonic() + PATIENCE
    while len(found := await everything_in(settings, topic)) < count:
        if time.monotonic() > deadline:
            raise AssertionError(f"{topic} has {len(found)} records after {PATIENCE:g} s, not {count}: {found}")
    return found


async def everything_in(settings: Settings, topic: Topic) -> list[ConsumerRecord]:
    """What is in a topic now, in the order of time."""
    name = topic_name(settings.kafka.topic_prefix, topic)
    places = [TopicPartition(name, number) for number in range(settings.kafka.partitions)]
    found: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka.bootstrap_servers) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(batch)
    return sorted(found, key=lambda record: (record.timestamp, record.offset))
