"""A running HTTP edge and projection for tests: real sockets, real Kafka, real Redis, in the test's own loop."""

import asyncio
import contextlib
import json
import time

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import httpx

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from ingest.service import Ingest
from streams.codec import encode
from streams.records import Cause, Happening, LogEntry
from streams.records.identity import incident_id
from streams.topics import Topic, topic_name


SLACK_TOKEN = "xoxb-this-must-be-in-no-log"
ROUTING_KEY = "R0THISMUSTBEINNOLOGATALL00000000"
SIGNING_KEY = "a-signing-key-that-must-be-in-no-log"
BROWSER = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}
PATIENCE = 20.0


class Role(Protocol):
    """What every role can do."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop."""


def settings_for(stack: Endpoints, prefix: str, **sections: Any) -> Settings:
    """Settings of a deployment of the test's own. A section replaces what is here, merged one level deep."""
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "public_host": "http://ack.test",
        "alert": {"slack": {"token": SLACK_TOKEN, "channel_id": "C1"}},
        "oncall": {"pagerduty": {"routing_key": ROUTING_KEY, "other_routing_keys": {"infra": ROUTING_KEY[::-1]}}},
        "kafka": {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": prefix, "partitions": 2},
        "redis": {
            "host": stack.redis_host,
            "port": stack.redis_port,
            "password": stack.redis_password,
            "key_prefix": prefix,
            "timeout": "2s",
        },
    }
    for name, section in sections.items():
        values[name] = {**values[name], **section} if isinstance(values.get(name), dict) else section
    return Settings.model_validate(values)


@contextlib.asynccontextmanager
async def running(role: Role) -> AsyncIterator[None]:
    """The role, until the block ends; then it must end by itself."""
    stop = asyncio.Event()
    task = asyncio.create_task(role.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE)


@contextlib.asynccontextmanager
async def running_edge(settings: Settings, *, ready: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running edge whose topics are there; `ready`: once it accepts alerts."""
    if ready:
        await ensure_topics(settings.kafka)
    ingest = Ingest(settings)
    async with running(ingest):
        await until(lambda: _listens(ingest))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ingest.port}", timeout=30) as client:
            if ready:
                await until(lambda: has_status(client, "/readyz", 200))
            yield client


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """The first true answer of the condition, or an error when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        if found := await condition():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition}")
        await asyncio.sleep(0.02)


async def has_status(client: httpx.AsyncClient, path: str, status: int) -> bool:
    """Whether a GET is answered so."""
    return (await client.get(path)).status_code == status


async def _listens(ingest: Ingest) -> bool:
    return ingest.port is not None


async def records(settings: Settings, topic: Topic, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The first records of a topic by key and content, once there are as many; and no more than that."""
    name = topic_name(settings.kafka.topic_prefix, topic)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka.bootstrap_servers)
    await consumer.start()
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        places = [TopicPartition(name, number) for number in range(settings.kafka.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        deadline = time.monotonic() + PATIENCE
        while len(found) < max(count, sum(ends.values())) and time.monotonic() < deadline:
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found += [(record.key.decode(), json.loads(record.value)) for record in batch]
    finally:
        await consumer.stop()
    return found


def an_incident(settings: Settings, name: str = "e1") -> tuple[str, str]:
    """The id of an incident as fan-out would give it, and its source key."""
    key = (name.encode().hex() * 24)[:24].translate(str.maketrans("0189", "abcd"))
    return incident_id(settings.deployment_secret, key, name), key


def log_entry(incident: str, what: Happening, *, offset: int = 0, at_ms: int | None = None, **detail: Any) -> LogEntry:
    """An entry of the incident log, as of now."""
    at_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    cause = Cause("t.alerts", 0, offset)
    return LogEntry(
        incident_id=incident, source_key=incident[:24], at_ms=at_ms, role="test", what=what, cause=cause, detail=detail
    )


async def write_log(settings: Settings, *entries: LogEntry | bytes) -> None:
    """Put entries, or bytes that are none, into the incident log."""
    name = topic_name(settings.kafka.topic_prefix, Topic.INCIDENT_LOG)
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, acks="all")
    await producer.start()
    try:
        for entry in entries:
            value = entry if isinstance(entry, bytes) else encode(entry)
            key = b"k" if isinstance(entry, bytes) else entry.source_key.encode()
            await producer.send_and_wait(name, value, key=key)
    finally:
        await producer.stop()
