"""Asks Kafka what partitions hold, as somebody who has nothing to do with the worker's consumer.

Faust's consumer lives in a thread of its own: a question to it cannot be called off, and while no broker answers it asks
again and again, thousands of times a second. Here a question ends when whoever asks has waited long enough.
"""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from config.kafka_options import client_options, stopped
from config.settings import KafkaSettings


_ANSWER_SECONDS = 2.0


class Edges:
    """Where any partition ends, and what is in it."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._asking = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None

    async def end(self, topic: str, partition: int) -> int | None:
        """The offset that the next record will have; None where Kafka does not say."""
        place = TopicPartition(topic, partition)
        async with self._asking:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    if self._consumer is None:
                        self._consumer = AIOKafkaConsumer(group_id=None, **client_options(self._kafka))
                        await self._consumer.start()
                    return int((await self._consumer.end_offsets([place]))[place])
            except (KafkaError, OSError, TimeoutError):
                await self.close()
                return None

    async def first_from(self, topic: str, partition: int, offset: int) -> int | None:
        """The offset of the first record from here on; None where Kafka does not say."""
        place = TopicPartition(topic, partition)
        consumer = AIOKafkaConsumer(group_id=None, auto_offset_reset="earliest", **client_options(self._kafka))
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await consumer.start()
                consumer.assign([place])
                consumer.seek(place, offset)
                return int((await consumer.getone()).offset)
        except (KafkaError, OSError, TimeoutError):
            return None
        finally:
            await stopped(consumer)

    async def close(self) -> None:
        """Let go of Kafka."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stopped(consumer)
