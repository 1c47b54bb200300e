"""Reads the incident log in batches and commits what the read model holds: an entry may be written twice, never lost.

While Redis is away the position is held and the same batch is tried again. A record that cannot be read goes to
`dead-letters` before anything behind it is committed, and is passed over: the read model decides nothing.
"""

import asyncio
import time

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from config.kafka_options import group_options, stopped
from config.settings import KafkaSettings
from projection.bury import bury
from streams.codec import Unusable, decode
from streams.records import LogEntry
from streams.topics import Topic, topic_name


log = structlog.get_logger("ackline.projection")

_BATCH = 500
_POLL_MS = 250
_CONNECT_SECONDS = 15
_PAUSE_SECONDS = 1.0
_ASK_EVERY_SECONDS = 5.0
_ANSWER_SECONDS = 5

Write = Callable[[list[LogEntry]], Awaitable[None]]
"""Writes entries; returns when they are written, however long Redis is away."""


class LogConsumer:
    """Feeds the incident log to a writer, through outages of Kafka."""

    def __init__(self, kafka: KafkaSettings, write: Write) -> None:
        self._kafka = kafka
        self._write = write
        self.trouble: str | None = "not connected yet"
        """What is wrong with Kafka; None while all is well."""
        self.polled = time.monotonic()
        """When it last asked for records."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until told to stop."""
        while not stop.is_set():
            consumer = self._consumer()
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await consumer.start()
                await self._consume(consumer, stop)
            except (KafkaError, OSError, TimeoutError) as problem:
                self.trouble = f"Kafka at {self._kafka.bootstrap_servers}: {type(problem).__name__} {problem}".strip()
                log.warning("kafka_lost", reason=self.trouble)
            finally:
                await _closed(consumer)
            await _pause(stop, _PAUSE_SECONDS)

    def _consumer(self) -> AIOKafkaConsumer:
        name = topic_name(self._kafka.topic_prefix, Topic.INCIDENT_LOG)
        return AIOKafkaConsumer(name, **group_options(self._kafka, "projection"))

    async def _consume(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
        asked = float("-inf")
        while not stop.is_set():
            if (now := asyncio.get_running_loop().time()) - asked >= _ASK_EVERY_SECONDS:
                asked = now
                await self._ask(consumer)
            self.polled = time.monotonic()
            batch = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
            records = [record for some in batch.values() for record in some]
            if records:
                entries, unusable = _sorted(records)
                await self._write(entries)
                if unusable:
                    await bury(self._kafka, unusable)
                await _commit(consumer, {place: some[-1].offset + 1 for place, some in batch.items()})

    async def _ask(self, consumer: AIOKafkaConsumer) -> None:
        """Find out whether a broker answers: from an idle or a dead one a consumer hears the same nothing."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await consumer.topics()
        except (KafkaError, TimeoutError) as problem:
            self.trouble = f"no broker of {self._kafka.bootstrap_servers} answers ({type(problem).__name__})"
        else:
            self.trouble = None


def _sorted(records: Iterable[Any]) -> tuple[list[LogEntry], list[tuple[Any, str]]]:
    """The entries, and what is none, with why."""
    entries: list[LogEntry] = []
    unusable: list[tuple[Any, str]] = []
    for record in records:
        try:
            entries.append(decode(Topic.INCIDENT_LOG, record.value))
        except Unusable as problem:
            unusable.append((record, str(problem)))
            log.warning(
                "record_unusable",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                reason=str(problem),
            )
    return entries, unusable


async def _commit(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
    try:
        # While no broker answers a commit would wait for ever.
        async with asyncio.timeout(_ANSWER_SECONDS):
            await consumer.commit(offsets)
    except (CommitFailedError, IllegalStateError) as problem:
        # The partitions went to somebody else meanwhile, who will write the same entries again.
        log.info("commit_left_out", reason=str(problem))


async def _closed(consumer: AIOKafkaConsumer) -> None:
    if problem := await stopped(consumer):
        log.warning("kafka_not_closed", reason=problem)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
