"""Notifiers between a real Kafka, a real Redis and the sandbox, with words for what tests do to them and look at."""

import asyncio
import contextlib

from collections.abc import AsyncIterator, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from notifiers.service import Notifiers
from sandbox.server import Sandbox
from streams.codec import decode, encode
from streams.records import (
    Happening,
    IncidentStatus,
    LogEntry,
    PagerDutyAcknowledge,
    PagerDutyResolve,
    PagerDutyTrigger,
    PageReason,
    Record,
    SlackPost,
    SlackThread,
    SlackUpdate,
)
from streams.topics import Topic, topic_name
from tests.bodies import alertmanager_body


TOKEN = "xoxb-integration-secret"
DEFAULT_KEY = "d" * 32
INFRA_KEY = "1f" * 16


class World:
    """What a test holds in its hands."""

    def __init__(self, sandbox: Sandbox, settings: Settings, producer: AIOKafkaProducer) -> None:
        self.sandbox = sandbox
        self.settings = settings
        self._producer = producer

    @contextlib.asynccontextmanager
    async def notifiers(self, **changes: Any) -> AsyncIterator[Notifiers]:
        """The role, running, and stopped as a supervisor stops it."""
        role, stop = Notifiers(self.settings.model_copy(update=changes)), asyncio.Event()
        running = asyncio.create_task(role.run(stop))
        try:
            yield role
        finally:
            stop.set()
            await asyncio.wait_for(running, 30)

    async def write(self, topic: Topic, *values: Record | bytes, partition: int = 0) -> None:
        """Put records, or what others take for records, into one partition."""
        for value in values:
            raw = value if isinstance(value, bytes) else encode(value)
            await self._producer.send_and_wait(self.name(topic), raw, key=b"key", partition=partition)

    async def records(self, topic: Topic, count: int) -> list[Any]:
        """The first so many of Kafka's records in a topic, as soon as they are there."""
        async with self._consumer() as consumer:
            places = [TopicPartition(self.name(topic), partition) for partition in range(2)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            async with asyncio.timeout(20):
                return [await consumer.getone() for _ in range(count)]

    async def log(self, count: int) -> list[LogEntry]:
        """The first so many entries of the incident log."""
        return [decode(Topic.INCIDENT_LOG, each.value) for each in await self.records(Topic.INCIDENT_LOG, count)]

    async def happened(self, count: int) -> list[Happening]:
        """What happened, in order."""
        return [entry.what for entry in await self.log(count)]

    async def committed(self, topic: Topic, group: str, partition: int = 0) -> int | None:
        """The offset from which the next notifier would read."""
        async with self._consumer(f"{self.settings.kafka.topic_prefix}{group}") as consumer:
            answer: int | None = await consumer.committed(TopicPartition(self.name(topic), partition))
            return answer

    async def rewind(self, topic: Topic, group: str) -> None:
        """As if the notifiers had died before they could commit anything."""
        async with self._consumer(f"{self.settings.kafka.topic_prefix}{group}") as consumer:
            place = TopicPartition(self.name(topic), 0)
            consumer.assign([place])
            await consumer.commit({place: 0})

    async def everything(self) -> bytes:
        """All bytes of all topics: values, keys and headers."""
        found = b""
        async with self._consumer() as consumer:
            places = [TopicPartition(self.name(topic), partition) for topic in Topic for partition in range(2)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += b"".join(repr(record).encode() + (record.value or b"") for record in records)
        return found

    def name(self, topic: Topic) -> str:
        """The topic's name on the broker."""
        return topic_name(self.settings.kafka.topic_prefix, topic)

    @contextlib.asynccontextmanager
    async def _consumer(self, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.kafka.bootstrap_servers, group_id=group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


@contextlib.asynccontextmanager
async def a_world(stack: Endpoints, prefix: str) -> AsyncIterator[World]:
    """A fresh one, with topics of its own."""
    keys = {"default": DEFAULT_KEY, "infra": INFRA_KEY}
    async with Sandbox(token=TOKEN, keys=keys, only_known_keys=True) as sandbox:
        settings = settings_for(stack, prefix, sandbox)
        await ensure_topics(settings.kafka)
        producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers, acks="all")
        await producer.start()
        try:
            yield World(sandbox, settings, producer)
        finally:
            await producer.stop()


def settings_for(stack: Endpoints, prefix: str, sandbox: Sandbox) -> Settings:
    """Everything real but Slack and PagerDuty."""
    return Settings.model_validate(
        {
            "public_host": "http://ack.example",
            # Notes of dead letters come seconds later; those who test them switch them on.
            "alert": {"slack": {"token": TOKEN, "channel_id": "C1", "api_url": sandbox.slack_api_url,
                                "dead_letter_notes": False}},
            "oncall": {"pagerduty": {"routing_key": DEFAULT_KEY, "other_routing_keys": {"infra": INFRA_KEY},
                                     "events_url": sandbox.pagerduty_url}},
            "redis": {"host": stack.redis_host, "port": stack.redis_port, "password": stack.redis_password,
                      "key_prefix": prefix},
            "kafka": {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": prefix, "partitions": 2,
                      "session_timeout": "6s"},
        }
    )  # fmt: skip


def post(incident: str = "incident-1", **changes: Any) -> SlackPost:
    """An incident was opened."""
    return SlackPost(**{**_common(f"post {incident}", incident), "oncall": True, "due_ms": 2_000, **changes})


def thread(incident: str = "incident-1", **changes: Any) -> SlackThread:
    """Its alert was joined by another."""
    return SlackThread(**{**_common(f"thread {incident}", incident), "added": ("f1",), "oncall": False, **changes})


def update(status: IncidentStatus, incident: str = "incident-1", **changes: Any) -> SlackUpdate:
    """Something happened to it."""
    return SlackUpdate(**{**_common(f"{status} {incident}", incident), "status": status, "by": "Natsu", **changes})


def trigger(incident: str = "incident-1", **changes: Any) -> PagerDutyTrigger:
    """Nobody acknowledged it."""
    return PagerDutyTrigger(**{**_page(incident), "due_ms": 1_000, "reason": PageReason.DEADLINE_PASSED,
                               "payload": alertmanager_body(), **changes})  # fmt: skip


def acknowledge(incident: str = "incident-1", **changes: Any) -> PagerDutyAcknowledge:
    """Somebody did after all."""
    return PagerDutyAcknowledge(**{**_page(incident), "by": "Natsu", **changes})


def resolve(incident: str = "incident-1", **changes: Any) -> PagerDutyResolve:
    """It is over."""
    return PagerDutyResolve(**{**_page(incident), **changes})


def _common(notification: str, incident: str) -> dict[str, Any]:
    return {"notification_id": notification, "incident_id": incident, "source_key": "key", "at_ms": 1_000,
            "payload": alertmanager_body()}  # fmt: skip


def _page(incident: str) -> dict[str, Any]:
    return {"incident_id": incident, "source_key": "key", "round": 1, "dedup_key": incident, "at_ms": 1_500}


def until(predicate: Callable[[], Any]) -> Callable[[], bool]:
    """A predicate that an index or an attribute that is not there yet does not break."""

    def holds() -> bool:
        try:
            return bool(predicate())
        except LookupError:
            return False

    return holds
