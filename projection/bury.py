"""Puts what cannot be read of the incident log into `dead-letters`. Returns only when Kafka has all of it.

A producer is connected for each time that it is needed, since that is next to never.
"""

from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from config.kafka_options import client_options
from config.settings import KafkaSettings
from streams.records.dead_letter import DEAD_LETTERS, UNUSABLE, letter_of
from streams.topics import MAX_RECORD_BYTES, Topic, topic_name


async def bury(kafka: KafkaSettings, unusable: Sequence[tuple[Any, str]]) -> None:
    """Keep these records, each with the reason why it cannot be used.

    Raises:
        KafkaError: Kafka has not taken all of them. Nothing of the batch may be committed then.
    """
    name = topic_name(kafka.topic_prefix, Topic.DEAD_LETTERS)
    producer = AIOKafkaProducer(
        acks="all", enable_idempotence=True, max_request_size=MAX_RECORD_BYTES, **client_options(kafka)
    )
    async with producer:
        letters = [letter_of(record, reason) for record, reason in unusable]
        sent = [await producer.send(name, letter.value, key=letter.key, headers=letter.headers) for letter in letters]
        for acknowledgement in sent:
            await acknowledgement
    DEAD_LETTERS.labels(Topic.INCIDENT_LOG, UNUSABLE).inc(len(unusable))
