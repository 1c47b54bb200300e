"""Writes the records of an export into topics, each into the partition that it had, with its key, bytes and time.

Offsets are Kafka's to give. Which records got another one than they had is counted, for records speak of each other by
their offsets.
"""

import contextlib

from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from audit.bundle_lines import RecordLine, to_bytes
from config.kafka_options import client_options
from config.settings import KafkaSettings
from streams.topics import MAX_RECORD_BYTES, topic_name


_ON_THE_WAY = 5_000
"""Records that Kafka need not have acknowledged yet."""


class NotTakenError(Exception):
    """Kafka has not taken a record. The message says which, and why."""


class TopicsSink:
    """Writes records; all of them are on all replicas once `flush` returns."""

    def __init__(self, producer: AIOKafkaProducer, prefix: str) -> None:
        self._producer = producer
        self._prefix = prefix
        self._sent: deque[tuple[RecordLine, Any]] = deque()
        self.written = 0
        """Records that Kafka has."""
        self.moved = 0
        """Those of them that got another offset than they had."""

    async def write(self, line: RecordLine) -> None:
        """Write one, behind those before it.

        Raises:
            NotTakenError: Kafka did not take it, or one before it.
        """
        with _told(line):
            sent = await self._send(line)
        self._sent.append((line, sent))
        if len(self._sent) > _ON_THE_WAY:
            await self._settle()

    async def _send(self, line: RecordLine) -> Any:
        name = topic_name(self._prefix, line.topic)
        key, value = to_bytes(line.key), to_bytes(line.value)
        headers = [(name, to_bytes(value)) for name, value in line.headers]
        if key is None and value is None:
            # Other producers write such records. aiokafka's `send` refuses them, a batch does not.
            batch = self._producer.create_batch()
            batch.append(timestamp=line.timestamp_ms, key=None, value=None, headers=headers)
            batch.close()
            return await self._producer.send_batch(batch, name, partition=line.partition)
        return await self._producer.send(
            name, value, key=key, partition=line.partition, timestamp_ms=line.timestamp_ms, headers=headers
        )

    async def flush(self) -> None:
        """Wait until Kafka has all of them.

        Raises:
            NotTakenError: it has not taken one.
        """
        while self._sent:
            await self._settle()

    async def _settle(self) -> None:
        line, sent = self._sent.popleft()
        with _told(line):
            metadata = await sent
        self.written += 1
        self.moved += metadata.offset != line.offset


@contextlib.asynccontextmanager
async def writing_topics(kafka: KafkaSettings) -> AsyncIterator[TopicsSink]:
    """A sink, for as long as the block runs.

    Raises:
        NotTakenError: Kafka does not answer.
    """
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        max_request_size=MAX_RECORD_BYTES,
        max_batch_size=1 << 18,
        linger_ms=5,
        **client_options(kafka),
    )
    with _told(None):
        await producer.start()
    try:
        yield TopicsSink(producer, kafka.topic_prefix)
    finally:
        await producer.stop()


@contextlib.contextmanager
def _told(line: RecordLine | None) -> Any:
    try:
        yield
    except (KafkaError, TimeoutError) as problem:
        what = f"Kafka does not take {line}" if line else "Kafka does not answer"
        raise NotTakenError(f"{what} ({type(problem).__name__}: {problem})") from problem
