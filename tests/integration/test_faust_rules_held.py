"""Two of the rules that make Faust safe, shown on a real worker whose agent is held in the middle of its work.

Its consumer has a thread of its own and goes on sending heartbeats, so no broker takes anything from it.
"""

import asyncio
import time

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from ackline.health import health_server
from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from streams.app import Worker
from streams.service import Streams
from streams.topics import Table, Topic, app_id, changelog_name, topic_name
from tests.edge import running, settings_for, until
from tests.integration.streams_world import alert, from_ingest, send
from tests.log import everything_in, value_of, wait_for_records


RED_SECONDS = 15
"""Within this `/healthz` tells of an agent that is stuck: the promise, by the verdict that every role has."""


async def a_worker(stack: Endpoints, prefix: str, data: Path) -> Streams:
    """Not yet running. Its session is shorter than what it takes to turn red."""
    settings = settings_for(stack, prefix, kafka={"partitions": 2, "session_timeout": "6s"})
    await ensure_topics(settings.kafka)
    return Streams(settings, data)


def fan_out_of(worker: Worker) -> Any:
    return worker.fan_out


def timer_of(worker: Worker) -> Any:
    return worker.timer


@contextmanager
def held(part: Any) -> Iterator[None]:
    """Until the block ends, this agent gets no further with whatever it is given."""
    let_go, process = asyncio.Event(), part.process

    async def process_later(events: Any) -> None:
        await let_go.wait()
        await process(events)

    part.process = process_later
    try:
        yield
    finally:
        let_go.set()


async def is_well(role: Streams) -> bool:
    return set(role.health().values()) == {"ok"}


async def place_in_the_group(settings: Settings) -> tuple[str, int]:
    """The state of the workers' consumer group, and how many members it has."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([app_id(settings.kafka.topic_prefix)])
    finally:
        await admin.close()
    _code, _group, state, *_rest, members = answer.groups[0][:6]
    return state, len(members)


async def written(settings: Settings, *names: str) -> int:
    """How many records these topics have been given."""
    places = [TopicPartition(name, number) for name in names for number in range(settings.kafka.partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka.bootstrap_servers) as consumer:
        return sum((await consumer.end_offsets(places)).values())


async def test_rule_6_while_its_agent_is_held_the_clock_writes_ticks_and_nothing_else(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """A deadline falls due, and the clock goes on: no table and no page moves before the agent does."""
    role = await a_worker(stack, topic_prefix, tmp_path)
    settings = role._settings
    tables = [changelog_name(topic_prefix, table) for table in (Table.ESCALATIONS, Table.DEADLINES)]
    event = alert(oncall_wait_minutes=0.05)

    async def has_been_told_that_it_is_due() -> bool:
        ticks = [value_of(record)["now_ms"] for record in await everything_in(settings, Topic.TICKS)]
        return max(ticks, default=0) > event.received_ms + 3_000

    async def is_pending() -> bool:
        return await written(settings, *tables) == 2

    async with running(role):
        await until(lambda: is_well(role))
        await send(settings, from_ingest(event))
        await until(is_pending)
        assert role._worker is not None
        with held(role._worker.timer):
            await until(has_been_told_that_it_is_due)
            meanwhile = await written(settings, *tables, topic_name(topic_prefix, Topic.PAGERDUTY_EVENTS))
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)

    assert 2 == meanwhile


@pytest.mark.parametrize(
    ("agent", "part"),
    [pytest.param(fan_out_of, "commits of", id="fan-out"), pytest.param(timer_of, "ticks of", id="timer")],
)
async def test_rule_7_an_agent_that_is_stuck_keeps_its_partitions_and_turns_healthz_red(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, agent: Callable[[Worker], Any], part: str
) -> None:
    """Kafka sees a healthy member and takes nothing from it; only we can tell. Let go, it pages what it held up."""
    role = await a_worker(stack, topic_prefix, tmp_path)
    async with running(role), health_server(role, 0, "127.0.0.1") as port, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{port}/healthz"

        async def is_red() -> Any:
            answer = await client.get(url)
            return answer.json() if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else None

        await until(lambda: is_well(role))
        before = (await client.get(url)).status_code
        assert role._worker is not None
        with held(agent(role._worker)):
            since = time.monotonic()
            await send(role._settings, from_ingest(alert(oncall_wait_minutes=0)))
            told = await until(is_red, RED_SECONDS)
            took = time.monotonic() - since
            place = await place_in_the_group(role._settings)
        await wait_for_records(role._settings, Topic.PAGERDUTY_EVENTS, 1)

    assert before == httpx.codes.OK
    assert [said for name, said in told["parts"].items() if name.startswith(part) and said != "ok"]
    assert took > role._settings.kafka.session_timeout.total_seconds()
    assert place == ("Stable", 1)
