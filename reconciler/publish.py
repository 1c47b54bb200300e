"""Puts pages into Kafka. One counts as published when Kafka has acknowledged it (acks=all, idempotent)."""

import asyncio

from aiokafka import AIOKafkaProducer

from config.kafka_options import client_options, stopped
from config.settings import KafkaSettings
from streams.codec import encode
from streams.records import LogEntry, PagerDutyTrigger
from streams.topics import MAX_RECORD_BYTES, Topic, topic_name


_CONNECT_SECONDS = 15
_SEND_SECONDS = 30


class Publisher:
    """The way out."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._prefix = kafka.topic_prefix
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, max_request_size=MAX_RECORD_BYTES, **client_options(kafka)
        )

    async def start(self) -> None:
        """Connect."""
        async with asyncio.timeout(_CONNECT_SECONDS):
            await self._producer.start()

    async def publish(self, topic: Topic, record: PagerDutyTrigger | LogEntry) -> None:
        """Return when Kafka has the record."""
        async with asyncio.timeout(_SEND_SECONDS):
            await self._producer.send_and_wait(
                topic_name(self._prefix, topic), encode(record), key=record.source_key.encode()
            )

    async def close(self) -> None:
        """Let go of Kafka. Everything that was published is there already."""
        await stopped(self._producer)
