"""Puts into Kafka what follows from a delivery: the incident log, expedited deadlines, dead letters. Never drops one.

A record counts as published when Kafka has acknowledged it (acks=all, idempotent). While Kafka is away a publish
waits, with everything that depends on it; a record is only given up together with its process.
"""

import asyncio

from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from config.kafka_options import PRODUCER_BATCH_BYTES, client_options, stopped
from config.settings import KafkaSettings
from streams.codec import encode
from streams.records import Record
from streams.records.dead_letter import DEAD_LETTERS, letter_of
from streams.topics import MAX_RECORD_BYTES, Topic, topic_name


log = structlog.get_logger("ackline.notifiers")

_CONNECT_SECONDS = 15
_SEND_SECONDS = 30
_PAUSE_SECONDS = 1.0

_Message = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
"""Its key, its value and its headers."""


class Publisher:
    """Publishes to Kafka, however long that takes."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self.trouble: str | None = None
        """What is wrong with Kafka; None while all is well."""

    async def publish(self, topic: Topic, source_key: str, record: Record) -> None:
        """Return when Kafka has the record."""
        await self.publish_all(topic, [(source_key, record)])

    async def publish_all(self, topic: Topic, records: Iterable[tuple[str, Record]]) -> None:
        """Return when Kafka has all of them, each by its source key. When it takes some and not others, all are sent again."""
        await self._send(topic, [(source_key.encode(), encode(record), ()) for source_key, record in records])

    async def dead_letter(self, message: Any, reason: str, label: str) -> None:
        """Put a record aside as it was, with what was wrong and where it lay. Return when Kafka has it.

        `label` is the reason as the metric has it: one of few.
        """
        letter = letter_of(message, reason)
        await self._send(Topic.DEAD_LETTERS, [(letter.key, letter.value, letter.headers)])
        DEAD_LETTERS.labels(message.topic.removeprefix(self._kafka.topic_prefix), label).inc()

    async def close(self) -> None:
        """Let go of Kafka. Everything that was published is there already."""
        if self._producer is not None:
            await self._discard(self._producer)

    async def _send(self, topic: Topic, messages: Sequence[_Message]) -> None:
        name = topic_name(self._kafka.topic_prefix, topic)
        while True:
            producer = await self._connected()
            try:
                # A producer that is let go of leaves those who wait for it waiting, so nobody waits for ever.
                async with asyncio.timeout(_SEND_SECONDS):
                    sent = [
                        await producer.send(name, value, key=key, headers=headers) for key, value, headers in messages
                    ]
                    await asyncio.gather(*sent)
            except MessageSizeTooLargeError:
                raise  # Records of ours are small, and letters are cut to fit: a mistake in here.
            except (KafkaError, TimeoutError) as problem:
                self._troubled(problem)
                # An idempotent producer that has failed once may fail for ever (fenced, out of sequence).
                await self._discard(producer)
            else:
                self.trouble = None
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is not None:
            return self._producer
        async with self._connecting:
            while self._producer is None:
                producer = AIOKafkaProducer(
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=2,
                    max_batch_size=PRODUCER_BATCH_BYTES,
                    max_request_size=MAX_RECORD_BYTES,
                    metadata_max_age_ms=30_000,
                    **client_options(self._kafka),
                )
                try:
                    async with asyncio.timeout(_CONNECT_SECONDS):
                        await producer.start()
                except (KafkaError, OSError, TimeoutError) as problem:
                    self._troubled(problem)
                    await _closed(producer)
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                self._producer, self.trouble = producer, None
            return self._producer

    async def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
            await _closed(producer)

    def _troubled(self, problem: BaseException) -> None:
        known = self.trouble
        self.trouble = f"Kafka at {self._kafka.bootstrap_servers}: {type(problem).__name__} {problem}".strip()
        if self.trouble != known:
            log.warning("publish_delayed", reason=self.trouble)


async def _closed(producer: AIOKafkaProducer) -> None:
    if problem := await stopped(producer):
        log.warning("kafka_not_flushed", reason=problem)
