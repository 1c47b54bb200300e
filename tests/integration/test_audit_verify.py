"""`ackline audit verify` on the real pipeline: its records are in order, and whatever is done to them is seen."""

import time

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from aiokafka.admin import AIOKafkaAdminClient

from ackline.audit_command import Asked, rules_of, terms_of, verified
from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from audit.findings import Kind
from audit.read import opened
from audit.record import LogRecord, Spans
from audit.report import Report
from audit.verify import Verification
from config.settings import Settings
from notifiers.service import Notifiers
from sandbox.server import Sandbox
from state.client import connect
from streams.service import Streams
from streams.topics import Topic
from tests.edge import SLACK_TOKEN, running, running_edge, settings_for, until
from tests.integration.streams_world import send


SOON = 0.02
"""Minutes: a wait of 1.2 seconds."""
NO_MARGIN = timedelta(0)


class Pipeline:
    """Everything but the projection, and what was sent through it."""

    def __init__(self, settings: Settings, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        self.settings = settings
        self.sandbox = sandbox
        self._client = client

    async def post(self, body: dict[str, Any], **parameters: Any) -> str:
        """An alert; returns its incident."""
        answer = await self._client.post("/api/incidents", json=body, params=parameters)
        return str(answer.json()["incident_id"])

    async def acknowledge(self, incident: str) -> None:
        """By the ACK link."""
        assert (await self._client.get(f"/api/incidents/ack/{incident}")).is_success

    async def records(self) -> tuple[list[LogRecord], Spans]:
        """What lies in Kafka now."""
        async with opened(self.settings.kafka, from_ms=None, to_ms=None) as log:
            found = [record async for batch in log.read() for record in batch]
            return found, log.spans

    async def is_quiet(self) -> bool:
        """Whether everything that must follow has followed: nothing is owed, untold or undelivered."""
        return (await self.verified()).is_clean

    async def verified(self) -> Report:
        """As the command does it, without a margin."""
        now_ms = time.time_ns() // 1_000_000
        asked = Asked(from_ms=0, to_ms=now_ms + 1, margin=NO_MARGIN, late_after=timedelta(seconds=30))
        async with opened(self.settings.kafka, from_ms=None, to_ms=None) as log:
            return await verified(log, terms_of(self.settings, asked, whole_from_ms=log.whole_from_ms))


@asynccontextmanager
async def pipeline(stack: Endpoints, prefix: str, data: Path) -> AsyncIterator[Pipeline]:
    """The running roles."""
    async with Sandbox(token=SLACK_TOKEN) as sandbox:
        settings = settings_for(
            stack,
            prefix,
            alert={"slack": {"token": SLACK_TOKEN, "channel_id": "C1", "api_url": sandbox.slack_api_url}},
            oncall={"pagerduty": {"routing_key": "0" * 32, "other_routing_keys": {"infra": "1" * 32},
                                  "events_url": sandbox.pagerduty_url}},
        )  # fmt: skip
        await ensure_topics(settings.kafka)
        async with running(Streams(settings, data)), running(Notifiers(settings)), running_edge(settings) as client:
            yield Pipeline(settings, sandbox, client)


async def a_story(world: Pipeline) -> None:
    """Paged, acknowledged, resolved, repeated, without on-call, moved to its key, unreadable; told to its end."""
    await world.post({"title": "paged"}, oncall_wait_minutes=SOON, pagerduty_other_routing_key="infra")
    await world.acknowledge(await world.post({"title": "acknowledged"}))
    for status in ("firing", "firing", "resolved"):
        await world.post({"title": "resolved", "status": status}, dedup_key="one problem")
    await world.post({"title": "told only"}, oncall_enable=False)
    await send(
        world.settings,
        (Topic.ALERTS, b"a key of its own", b'{"payload": {"title": "moved"}, "oncall_wait_minutes": 0}'),
        (Topic.ALERTS, b"k", b"no JSON at all"),
    )
    await until(lambda: _has(world, 2))


async def _has(world: Pipeline, pages: int) -> bool:
    report = await world.verified()
    return report.obligations["paged"] == pages and report.is_clean


@pytest.fixture(scope="module")
async def world(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pipeline]:
    """A pipeline with a story, for all tests here."""
    async with pipeline(stack, "verify.", tmp_path_factory.mktemp("verify")) as running_pipeline:
        await a_story(running_pipeline)
        yield running_pipeline


async def test_a_pipeline_verifies_clean(world: Pipeline) -> None:
    """Every obligation has ended in its own way, and once."""
    report = await world.verified()

    assert () == report.findings
    assert {"acked": 1, "resolved": 1, "paged": 2, "undelivered": 0, "not_yet_due": 0, "lost": 0} == report.obligations
    assert {"opened": 5, "repeated": 1, "alerts_added": 0, "resolved": 1, "noted": 0, "moved": 1} == report.alerts
    assert 2 == report.delivered.count


def verified_again(world: Pipeline, records: Sequence[LogRecord], spans: Spans) -> Report:
    now_ms = time.time_ns() // 1_000_000 + 7200_000
    asked = Asked(from_ms=0, to_ms=now_ms, margin=NO_MARGIN, late_after=timedelta(hours=1))
    verification = Verification(terms_of(world.settings, asked, whole_from_ms=0), spans)
    for record in records:
        verification.add(record)
    return verification.report()


def is_unnoticed(report: Report) -> bool:
    """An offset of `alerts` may be empty without any harm, so that is told and is no finding."""
    return report.is_clean and not report.empty_offsets


async def test_every_record_that_is_taken_out_is_missed(world: Pipeline) -> None:
    """One after the other, of every topic."""
    records, spans = await world.records()

    unnoticed = [
        record
        for number, record in enumerate(records)
        if is_unnoticed(verified_again(world, records[:number] + records[number + 1 :], spans))
    ]

    assert {each.topic for each in records} == set(Topic) - {Topic.TICKS}
    assert [] == unnoticed


async def test_a_page_that_is_taken_out_names_its_obligation(world: Pipeline) -> None:
    """Without its trigger and all that speaks of it, the page is lost."""
    records, spans = await world.records()
    trigger = next(each for each in records if each.topic is Topic.PAGERDUTY_EVENTS)
    incident = msgspec.json.decode(trigger.value)["incident_id"]
    about = [b'"what":"escalated"', b'"what":"pagerduty_delivered"', b'"type":"trigger"']
    left = [
        each for each in records if incident.encode() not in each.value or not any(word in each.value for word in about)
    ]

    lost = [each for each in verified_again(world, left, spans).findings if each.kind is Kind.LOST]

    assert [(incident, 1)] == [(each.incident_id, each.round) for each in lost]


async def test_today_s_code_decides_what_the_pipeline_has_decided(world: Pipeline) -> None:
    """Not one difference, over everything that lies in Kafka."""
    now_ms = time.time_ns() // 1_000_000
    asked = Asked(from_ms=0, to_ms=now_ms + 1, margin=NO_MARGIN, late_after=timedelta(seconds=30))
    async with opened(world.settings.kafka, from_ms=None, to_ms=None) as log:
        terms = terms_of(world.settings, asked, whole_from_ms=log.whole_from_ms)
        report = await verified(log, terms, rules_of(world.settings))

    assert report.recomputed is not None
    assert () == report.recomputed.differences
    assert report.recomputed.decisions > 15


async def test_reading_leaves_no_trace(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """No consumer group, no key in Redis, no call to Slack or PagerDuty, no record."""
    async with pipeline(stack, topic_prefix, tmp_path) as ended:
        await ended.post({"title": "paged"}, oncall_wait_minutes=0)
        await until(lambda: _has(ended, 1))
    before = await traces(ended)

    await ended.verified()

    assert before == await traces(ended)


async def traces(world: Pipeline) -> dict[str, Any]:
    """All that a side effect would show in."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.settings.kafka.bootstrap_servers)
    await admin.start()
    redis = connect(world.settings.redis)
    try:
        prefix = world.settings.kafka.topic_prefix
        groups = [name for name, _ in await admin.list_consumer_groups() if name.startswith(prefix)]
        offsets = {name: sorted((await admin.list_consumer_group_offsets(name)).items()) for name in sorted(groups)}
        keys = sorted([key async for key in redis.scan_iter(f"{prefix}*")])
    finally:
        await admin.close()
        await redis.aclose()
    return {
        "offsets": offsets,
        "keys": keys,
        "calls": (len(world.sandbox.slack_messages), len(world.sandbox.pagerduty_incidents)),
        "records": {place: span.end for place, span in (await world.records())[1].items()},
    }


async def test_what_is_not_due_yet_is_not_lost(world: Pipeline) -> None:
    """A live system is always in the middle of something."""
    before = await world.verified()

    await world.post({"title": "later"}, oncall_wait_minutes=60)
    await until(world.is_quiet)

    assert before.obligations["not_yet_due"] + 1 == (await world.verified()).obligations["not_yet_due"]


async def test_a_window_judges_what_began_in_it(world: Pipeline) -> None:
    """An hour in which nothing began is clean, and empty."""
    kafka, now_ms = world.settings.kafka, time.time_ns() // 1_000_000
    asked = Asked(from_ms=now_ms, to_ms=now_ms + 3600_000, margin=NO_MARGIN, late_after=timedelta(seconds=30))
    async with opened(kafka, from_ms=now_ms - 60_000, to_ms=None) as log:
        report = await verified(log, terms_of(world.settings, asked, whole_from_ms=log.whole_from_ms))

    assert () == report.findings
    assert 0 == sum(report.obligations.values())
    assert report.unjudged > 0
