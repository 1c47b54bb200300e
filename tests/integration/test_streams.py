"""A streams worker on a real Kafka and a real Redis: what goes in, and what must come out."""

import asyncio
import secrets
import time

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from faust.exceptions import ConsistencyError

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from state.claims import Claim, Contest, RedisClaims, Winner
from state.client import connect
from streams.codec import encode
from streams.records import Ack, AckClaim, AlertEvent
from streams.records.identity import incident_id, source_key
from streams.service import Streams
from streams.topics import Topic, all_topics, topic_name
from tests.edge import running, settings_for, until
from tests.integration.streams_world import Sent, alert, from_ingest, send
from tests.log import everything_in, value_of, wait_for_records


SOON = 0.02
"""Minutes: a wait of 1.2 seconds."""


def opened_by(settings: Settings, event: AlertEvent) -> str:
    """The id of the incident that this alert opens."""
    return incident_id(settings.deployment_secret, source_key(event), event.event_id)


def acknowledged(settings: Settings, event: AlertEvent, claim: AckClaim) -> Sent:
    """An ACK as ingest writes it."""
    key = source_key(event)
    ack = Ack(
        ack_id=secrets.token_hex(8),
        incident_id=opened_by(settings, event),
        source_key=key,
        at_ms=time.time_ns() // 1_000_000,
        by="ann",
        via="link",
        claim=claim,
    )
    return Topic.ACKS, key.encode(), encode(ack)


@asynccontextmanager
async def worker(stack: Endpoints, prefix: str, data: Path, **sections: Any) -> AsyncIterator[Settings]:
    """A running worker, and the settings that it has."""
    settings = settings_for(stack, prefix, **sections)
    await ensure_topics(settings.kafka)
    async with running(Streams(settings, data)):
        yield settings


async def _has_passed(moment_ms: int) -> bool:
    return time.time_ns() // 1_000_000 > moment_ms


def pages(records: list[ConsumerRecord]) -> list[tuple[str, str]]:
    """What PagerDuty is told, by dedup key."""
    told = [value_of(record) for record in records]
    return [(one["type"], one["dedup_key"]) for one in told]


async def test_an_alert_is_told_and_paged_when_nobody_acknowledges(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """One message, one page, and a log that says both with their causes."""
    event = alert(oncall_wait_minutes=SOON)
    async with worker(stack, topic_prefix, tmp_path) as settings:
        await send(settings, from_ingest(event))
        triggers = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        slack = await wait_for_records(settings, Topic.SLACK_NOTIFICATIONS, 2)

    incident = opened_by(settings, event)
    trigger = value_of(triggers[0])
    assert pages(triggers) == [("trigger", incident)]
    assert trigger["due_ms"] == event.received_ms + 1200
    assert trigger["at_ms"] >= trigger["due_ms"]
    assert [value_of(record)["type"] for record in slack] == ["post", "update"]


async def test_whoever_is_paged_without_a_wait_does_not_wait_for_the_clock(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """The clock ticks once, at the start, and not again in this test."""
    event = alert(oncall_wait_minutes=0)
    async with worker(stack, topic_prefix, tmp_path, timer={"tick": "1h"}) as settings:
        await wait_for_records(settings, Topic.TICKS, settings.kafka.partitions)
        await send(settings, from_ingest(event))
        triggers = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
    ticks = await everything_in(settings, Topic.TICKS)

    assert [("trigger", opened_by(settings, event))] == pages(triggers)
    assert settings.kafka.partitions + 1 == len(ticks)


async def test_the_same_alert_five_times_is_one_message_and_one_page(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """Repeats change nothing."""
    events = [alert(oncall_wait_minutes=SOON, dedup_key="disk") for _ in range(5)]
    async with worker(stack, topic_prefix, tmp_path) as settings:
        await send(settings, *[from_ingest(event) for event in events])
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        await wait_for_records(settings, Topic.INCIDENT_LOG, 6)
    slack = await everything_in(settings, Topic.SLACK_NOTIFICATIONS)
    triggers = await everything_in(settings, Topic.PAGERDUTY_EVENTS)

    assert [value_of(record)["type"] for record in slack] == ["post", "update"]
    assert pages(triggers) == [("trigger", opened_by(settings, events[0]))]


async def test_a_claim_in_redis_stops_the_page_before_its_record_arrives(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """Whoever was told "acknowledged" is not paged; the alert beside it is."""
    mine, other = alert(oncall_wait_minutes=SOON), alert(oncall_wait_minutes=SOON)
    async with worker(stack, topic_prefix, tmp_path) as settings:
        redis = connect(settings.redis)
        claims = RedisClaims(redis, prefix=settings.redis.key_prefix, timeout=settings.redis.timeout)
        await claims.claim([Contest(opened_by(settings, mine), 1)], Claim(Winner.ACK, 1, "ann"))
        await redis.aclose()
        await send(settings, from_ingest(mine), from_ingest(other))
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        log = await wait_for_records(settings, Topic.INCIDENT_LOG, 4)
    triggers = await everything_in(settings, Topic.PAGERDUTY_EVENTS)

    assert pages(triggers) == [("trigger", opened_by(settings, other))]
    assert "acknowledged" in {value_of(record)["what"] for record in log}


async def test_without_redis_an_ack_in_kafka_stops_the_page_and_what_nobody_acknowledged_is_paged(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """In doubt, page; but an ACK that Kafka has is no doubt."""
    mine, other = alert(oncall_wait_minutes=SOON), alert(oncall_wait_minutes=SOON)
    nowhere = {"host": "127.0.0.1", "port": 1, "key_prefix": topic_prefix}
    async with worker(stack, topic_prefix, tmp_path, redis=nowhere) as settings:
        await send(settings, from_ingest(mine), from_ingest(other), acknowledged(settings, mine, AckClaim.UNKNOWN))
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        await wait_for_records(settings, Topic.INCIDENT_LOG, 4)
    triggers = await everything_in(settings, Topic.PAGERDUTY_EVENTS)

    assert pages(triggers) == [("trigger", opened_by(settings, other))]


async def test_poison_is_buried_and_what_lies_behind_it_is_processed(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """On every topic that a worker reads. Its own bytes, with where it was and why, for whoever must look."""
    event = alert(oncall_wait_minutes=0)
    key = source_key(event).encode()
    poison = [(topic, key, b"\xff not a record") for topic in (Topic.ALERTS, Topic.DELAYS, Topic.ACKS, Topic.TICKS)]
    async with worker(stack, topic_prefix, tmp_path) as settings:
        await send(settings, *poison, from_ingest(event))
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        buried = await wait_for_records(settings, Topic.DEAD_LETTERS, len(poison))

    headers = [dict(record.headers) for record in buried]
    assert {topic_name(topic_prefix, topic).encode() for topic, _, _ in poison} == {one["topic"] for one in headers}
    assert all(record.value == b"\xff not a record" for record in buried)
    assert all(one["reason"] and one["offset"] == b"0" for one in headers)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"payload":{"title":"by hand"},"oncall_wait_minutes":0}', id="envelope"),
        pytest.param(
            b'{"version":"4","groupKey":"g","receiver":"r","status":"firing","alerts":[{"status":"firing"}]}',
            id="bare-alertmanager",
        ),
    ],
)
async def test_a_record_of_another_producer_under_a_key_of_its_own_is_written_again_once(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, body: bytes
) -> None:
    """Under its source key, with an id that follows from where it was; then it is an alert like any other."""
    async with worker(stack, topic_prefix, tmp_path, oncall={"wait_minutes": 0}) as settings:
        await send(settings, (Topic.ALERTS, b"my-own-key", body), (Topic.ALERTS, None, body))
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        await wait_for_records(settings, Topic.ALERTS, 4)
        log = await wait_for_records(settings, Topic.INCIDENT_LOG, 2)
    alerts = await everything_in(settings, Topic.ALERTS)

    assert len(alerts) == 4
    assert {value_of(record)["what"] for record in log} >= {"opened"}


async def test_a_start_that_fails_ends_the_worker(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """It must not stay up and do nothing: whoever supervises it is told why."""
    (tmp_path / "new" / "data").mkdir(parents=True)
    (tmp_path / "new" / "data" / "v1").write_text("in the way of the tables")
    settings = settings_for(stack, topic_prefix)
    await ensure_topics(settings.kafka)

    with pytest.raises(OSError, match="v1"):
        await asyncio.wait_for(Streams(settings, tmp_path / "new" / "data").run(asyncio.Event()), 20)


async def test_a_worker_makes_its_directory_and_is_well_once_it_has_started(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """Whenever its health is asked for, there is an answer."""
    settings = settings_for(stack, topic_prefix)
    await ensure_topics(settings.kafka)
    role = Streams(settings, tmp_path / "not" / "there" / "yet")

    async def is_well() -> bool:
        return role.health() == {"kafka": "ok", "redis": "ok", "worker": "ok", "ticks": "ok"}

    before = role.health()
    async with running(role):
        await until(is_well)

    assert {"kafka": "ok", "redis": "ok", "worker": "is starting"} == before


@pytest.mark.parametrize("second", [pytest.param("first", id="same-disk"), pytest.param("second", id="empty-disk")])
async def test_a_worker_that_starts_again_pages_what_fell_due_meanwhile(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, second: str
) -> None:
    """From its own disk, and from the changelog alone when the disk is lost."""
    event = alert(oncall_wait_minutes=SOON * 2)
    async with worker(stack, topic_prefix, tmp_path / "first") as settings:
        await send(settings, from_ingest(event))
        await wait_for_records(settings, Topic.INCIDENT_LOG, 1)
    before = await everything_in(settings, Topic.PAGERDUTY_EVENTS)
    await until(lambda: _has_passed(event.received_ms + round(SOON * 2 * 60_000)))
    async with worker(stack, topic_prefix, tmp_path / second):
        triggers = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)

    assert before == []
    assert pages(triggers) == [("trigger", opened_by(settings, event))]


async def test_topics_that_were_made_anew_do_not_stop_a_worker_for_ever(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """Its disk knows more than Kafka then. It ends once, with its tables set aside, and works from the next start on."""
    first, second = alert(oncall_wait_minutes=0), alert(oncall_wait_minutes=0)
    data = tmp_path / "streams"
    async with worker(stack, topic_prefix, data) as settings:
        await send(settings, from_ingest(first))
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
    await make_topics_anew(settings)
    await send(settings, from_ingest(second))
    with pytest.raises(ConsistencyError):
        await asyncio.wait_for(Streams(settings, data).run(asyncio.Event()), 30)
    async with worker(stack, topic_prefix, data):
        triggers = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)

    assert pages(triggers) == [("trigger", opened_by(settings, second))]
    assert len(set_aside(tmp_path)) == 1


def set_aside(where: Path) -> list[Path]:
    """The tables that a worker has put out of its way."""
    return list(where.glob("streams.set-aside-*"))


async def make_topics_anew(settings: Settings) -> None:
    """Delete every topic of ours, and create it again."""
    kafka = settings.kafka
    names = [spec.name for spec in all_topics(prefix=kafka.topic_prefix, partitions=1, replication_factor=1)]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics(names)
        await until(lambda: _are_gone(admin, names))
    finally:
        await admin.close()
    await ensure_topics(kafka)


async def _are_gone(admin: AIOKafkaAdminClient, names: list[str]) -> bool:
    return not set(names) & set(await admin.list_topics())
