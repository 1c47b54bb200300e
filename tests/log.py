"""Reads what is in a topic, as any consumer would, for tests."""

import json
import time

from typing import Any

from aiokafka import ConsumerRecord

from ackline.topic_access import records_in
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
    found = [record async for record in records_in(settings.kafka, [name])]
    return sorted(found, key=lambda record: (record.timestamp, record.offset))
