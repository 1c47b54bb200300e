"""Alerts as ingest writes them, and a producer that writes them, for tests of the streams."""

import secrets
import time

from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from config.settings import Settings
from state.claims import Claim, Contest
from streams.codec import encode
from streams.records import AlertEvent
from streams.records.identity import source_key
from streams.topics import Topic, topic_name


Sent = tuple[Topic, bytes | None, bytes]


def alert(title: str = "Disk full", **more: Any) -> AlertEvent:
    """An alert as ingest writes it."""
    given = {"event_id": secrets.token_hex(8), "received_ms": time.time_ns() // 1_000_000, **more}
    return AlertEvent(payload={"title": title}, **given)


def from_ingest(event: AlertEvent) -> Sent:
    """Under its source key, as ingest writes it."""
    return Topic.ALERTS, source_key(event).encode(), encode(event)


async def send(settings: Settings, *records: Sent) -> None:
    """Write records as any producer would."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, acks="all")
    async with producer:
        for topic, key, value in records:
            await producer.send_and_wait(topic_name(settings.kafka.topic_prefix, topic), value, key=key)


class NoClaims:
    """A Redis that nobody can ask."""

    async def claim(self, contests: Sequence[Contest], mine: Claim) -> list[Claim | None]:  # noqa: ARG002
        """Nobody knows."""
        return [None for _ in contests]
