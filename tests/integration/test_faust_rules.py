"""Each rule that makes Faust safe, with the loss that it closes: taken out, the same test loses something.

Where the loss can be shown, it is shown here too, with Faust's own part back in place.
"""

import asyncio
import sys
import time

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP, StreamT
from faust.types.enums import ProcessingGuarantee

import streams.clock

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from streams.app import Worker
from streams.codec import encode
from streams.fan_out import FanOut
from streams.records.identity import source_key
from streams.reliable.app import ReliableApp, ReliableTransport
from streams.reliable.consumer import PrefixConsumer
from streams.reliable.edges import Edges
from streams.service import Streams
from streams.topics import Table, Topic, app_id, changelog_name, topic_name
from tests.edge import running, settings_for, until
from tests.integration.streams_world import NoClaims, alert, from_ingest, send
from tests.log import value_of, wait_for_records


async def committed(settings: Settings, topic: Topic, partition: int) -> int | None:
    """What the streams workers have committed of a partition."""
    kafka = settings.kafka
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, group_id=app_id(kafka.topic_prefix), enable_auto_commit=False
    )
    place = TopicPartition(topic_name(kafka.topic_prefix, topic), partition)
    consumer.assign([place])
    async with consumer:
        offset: int | None = await consumer.committed(place)
    return offset


async def limit(settings: Settings, topic: str, largest: int) -> None:
    """Let the broker refuse larger records of this topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        config = {"max.message.bytes": str(largest)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=config)])
    finally:
        await admin.close()


async def ends(settings: Settings, data: Path) -> tuple[int | None, str]:
    """Run a worker as a process of its own, one that has to end by itself: its exit code, and what it said."""
    kafka = settings.kafka
    config = data / "config.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "alert": {"slack": {"token": "xoxb-1", "channel_id": "C1"}},
                "oncall": {"pagerduty": {"routing_key": "r" * 32}},
                "redis": {"host": settings.redis.host, "port": settings.redis.port},
                "kafka": {
                    "bootstrap_servers": kafka.bootstrap_servers,
                    "topic_prefix": kafka.topic_prefix,
                    "partitions": kafka.partitions,
                },
            }
        )
    )
    command = [sys.executable, "-m", "ackline", "streams", "--config", str(config), "--state-dir", str(data / "state")]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        _, said = await asyncio.wait_for(process.communicate(), 40)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, said.decode()


class OneOpenRecord:
    """A worker that finishes every record but one, and tells how far it has got."""

    def __init__(self, settings: Settings, data: Path, first_open: int = 1) -> None:
        prefix = settings.kafka.topic_prefix
        self.seen = 0
        self.app = ReliableApp(
            Edges(settings.kafka),
            app_id(prefix),
            broker=f"kafka://{settings.kafka.bootstrap_servers}",
            datadir=str(data),
            topic_allow_declare=False,
            topic_disable_leader=True,
            broker_commit_interval=0.2,
            web_enabled=False,
        )
        topic = self.app.topic(topic_name(prefix, Topic.ALERTS), value_type=bytes, value_serializer="raw")

        @self.app.agent(topic)
        async def every_record_but_one(stream: StreamT[bytes]) -> None:
            stream.enable_acks = False
            async for event in stream.events():
                self.seen += 1
                if event.message.offset != first_open:
                    event.ack()
                    getattr(self.app.consumer, "finish", lambda _: None)(event.message)

    @asynccontextmanager
    async def having_seen(self, count: int) -> AsyncIterator[None]:
        """Run, once so many records were seen."""
        starting = asyncio.create_task(self.app.start())
        await until(lambda: self._has_seen(count))
        yield
        await self.app.stop()
        starting.cancel()

    async def _has_seen(self, count: int) -> bool:
        return self.seen >= count


async def _has_passed(moment: float) -> bool:
    return time.monotonic() > moment


@pytest.mark.parametrize(
    ("consumer", "expected"),
    [
        pytest.param(ReliableTransport.Consumer, 1, id="mended"),
        pytest.param(Consumer, 5, id="lost-with-fausts-own-consumer"),
    ],
)
async def test_rule_1_a_commit_never_jumps_over_a_record_that_is_not_finished(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, consumer: Any, expected: int
) -> None:
    """Records 0, 2, 3 and 4 are done and 1 is not: the commit stays before 1. Faust's own goes past it, and 1 is lost."""
    monkeypatch.setattr(ReliableTransport, "Consumer", consumer)
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    await send(settings, *[from_ingest(alert(str(number))) for number in range(5)])

    async with OneOpenRecord(settings, tmp_path).having_seen(5):
        since = time.monotonic()
        await until(lambda: _has_passed(since + 1))  # Time for several commits.

    assert await committed(settings, Topic.ALERTS, 0) == expected


@pytest.mark.parametrize(
    ("consumer", "expected"),
    [
        pytest.param(ReliableTransport.Consumer, 0, id="mended"),
        pytest.param(Consumer, 5, id="lost-with-fausts-own-consumer"),
    ],
)
async def test_rule_1_going_back_to_the_commit_is_going_back_to_the_beginning_where_there_is_none(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, consumer: Any, expected: int
) -> None:
    """When partitions move, what was fetched is read again. Faust's own stays where it is when nothing is committed."""
    monkeypatch.setattr(ReliableTransport, "Consumer", consumer)
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    await send(settings, *[from_ingest(alert(str(number))) for number in range(5)])
    worker = OneOpenRecord(settings, tmp_path, first_open=0)
    place = TopicPartition(topic_name(topic_prefix, Topic.ALERTS), 0)

    async with worker.having_seen(5):
        worker.app.consumer.stop_flow()
        await worker.app.consumer.seek_to_committed()
        position = await worker.app.consumer.position(place)

    assert position == expected


async def believe_to_have_read(consumer: PrefixConsumer, place: TP) -> None:
    """What was fetched before partitions moved counts for Faust as read, and it drops what lies before."""
    consumer._read_offset[place] = 2


async def be_further_on(consumer: PrefixConsumer, place: TP) -> None:
    """The position is not where it was sought."""
    await consumer._seek(place, 2)


@pytest.mark.parametrize("mistake", [believe_to_have_read, be_further_on])
async def test_rule_1_what_was_passed_over_is_fetched_again(
    mistake: Any, stack: Endpoints, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And comes before what lies behind it, or it would be committed with that, unseen."""
    place = TP(topic_name(topic_prefix, Topic.ALERTS), 0)
    perform_seek = PrefixConsumer.perform_seek

    async def mistaken(self: PrefixConsumer) -> None:
        await perform_seek(self)
        await mistake(self, place)

    monkeypatch.setattr(PrefixConsumer, "perform_seek", mistaken)
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    await send(settings, *[from_ingest(alert(str(number), oncall_wait_minutes=0)) for number in range(4)])

    async with running(Streams(settings, tmp_path)):
        pages = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 4)

    assert ["0", "1", "2", "3"] == sorted(value_of(page)["payload"]["title"] for page in pages)


async def test_rule_1_offsets_without_a_record_are_no_harm(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """A producer that uses transactions leaves some."""
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    name = topic_name(topic_prefix, Topic.ALERTS)
    async with AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers, transactional_id=topic_prefix
    ) as producer:
        for number in range(3):
            async with producer.transaction():
                await producer.send_and_wait(name, b'{"payload": {"number": %d}, "oncall_wait_minutes": 0}' % number)

    async with running(Streams(settings, tmp_path)):
        pages = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 3)

    assert {0, 1, 2} == {value_of(page)["payload"]["number"] for page in pages}


async def test_rule_2_the_producer_is_idempotent_and_waits_for_all_replicas(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """Faust would do so only inside its transactions."""
    worker = Worker(settings_for(stack, topic_prefix), tmp_path, NoClaims())
    given = worker.app.producer._settings_extra()

    assert given == {"acks": "all", "enable_idempotence": True}


# Rule 3, raw bytes that agents decode: tests/integration/test_streams.py, test_poison_is_buried_….


@pytest.mark.parametrize(
    "refusing",
    [
        pytest.param(lambda prefix: topic_name(prefix, Topic.SLACK_NOTIFICATIONS), id="effect"),
        pytest.param(lambda prefix: changelog_name(prefix, Table.INCIDENTS), id="changelog"),
    ],
)
async def test_rule_4_what_kafka_refuses_is_not_committed(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, refusing: Any
) -> None:
    """The worker ends, and the alert is read again: every send and every table write is waited for."""
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    name = refusing(topic_prefix)
    await limit(settings, name, 100)
    await send(settings, from_ingest(alert("x" * 1000, dedup_key="d" * 400)))

    code, said = await ends(settings, tmp_path)

    assert code == 1
    assert "MessageSizeTooLargeError" in said
    assert "xxx" not in said
    assert await committed(settings, Topic.ALERTS, 0) is None


async def test_rule_5_an_error_in_an_agent_ends_the_worker_and_commits_nothing(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust would log it, acknowledge the record and go on with the next."""

    async def process(_self: FanOut, _events: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(FanOut, "process", process)
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    event = alert()
    await send(settings, (Topic.ALERTS, source_key(event).encode(), encode(event)))

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(Streams(settings, tmp_path).run(asyncio.Event()), 30)

    assert await committed(settings, Topic.ALERTS, 0) is None


def test_rule_6_the_clock_knows_no_table() -> None:
    """It sends ticks, and the agent does the work: what it may not know it cannot write."""
    known = {getattr(value, "__module__", "") for value in vars(streams.clock).values()}

    assert not {"streams.reliable.table", "streams.deadlines", "streams.timer"} & known


# Rule 7, liveness of our own, and rule 6 on a running worker: tests/integration/test_faust_rules_held.py.


async def test_rule_8_processing_is_at_least_once(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """Ids that make repeats harmless, and none of Faust's transactions."""
    worker = Worker(settings_for(stack, topic_prefix), tmp_path, NoClaims())

    assert worker.app.conf.processing_guarantee is ProcessingGuarantee.AT_LEAST_ONCE
    assert not worker.app.in_transaction
