"""`ackline audit verify` and `ackline replay` as people and scripts use them, on a real Kafka."""

import asyncio
import json
import sys
import time

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from audit.record import LogRecord
from config.load import load
from config.settings import Settings
from streams.policy import policy_of
from streams.topics import Topic, topic_name
from tests.audit_world import MINUTE, World
from tests.edge import PATIENCE
from tests.integration.test_cli import config_for


async def written(settings: Settings, records: Iterable[LogRecord]) -> None:
    """These records, in new topics."""
    await ensure_topics(settings.kafka)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, acks="all") as producer:
        for record in records:
            await producer.send_and_wait(
                topic_name(settings.kafka.topic_prefix, record.topic), record.value, key=record.key,
                partition=record.partition, timestamp_ms=record.timestamp_ms, headers=list(record.headers),
            )  # fmt: skip


async def ackline(*arguments: str | Path) -> tuple[int, str, str]:
    """The command's exit code, and what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "ackline", *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, problems = await asyncio.wait_for(process.communicate(), 2 * PATIENCE)
    assert process.returncode is not None
    return process.returncode, told.decode(), problems.decode()


def a_world(settings: Settings) -> World:
    """An hour ago: one page, one ACK."""
    world = World(
        2,
        prefix=settings.kafka.topic_prefix,
        policy=policy_of(settings),
        begin=time.time_ns() // 1_000_000 - 60 * MINUTE,
    )
    world.fire("disk full", labels={"team": "infra"})
    world.wait(5 * MINUTE)
    world.ack(world.fire("cpu hot"))
    world.wait(5 * MINUTE)
    return world


@pytest.fixture
def config(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> Path:
    return config_for(stack, tmp_path, topic_prefix, partitions=2)


async def test_a_clean_log_ends_with_0_and_the_same_bytes_each_time(config: Path) -> None:
    """JSON for machines, words for people; and today's code would do the same."""
    settings = load(config, {}).settings
    await written(settings, a_world(settings).records)
    window = "--config", config, "--to", _now(), "--from", "2h"

    code, text, _ = await ackline("audit", "verify", *window, "--recompute")
    first = await ackline(
        "audit", "verify", "--config", config, "--from", "2026-01-01T00:00:00Z", "--to", _now(), "--format", "json"
    )

    assert 0 == code, text
    assert "Every promise was kept." in text
    assert "all as they are recorded" in text
    report = json.loads(first[1])
    assert (0, []) == (first[0], report["findings"])
    assert (1, 1) == (report["obligations"]["acked"], report["obligations"]["paged"])


async def test_what_is_missing_ends_with_1_and_its_name(config: Path) -> None:
    """The page was decided, and there is no receipt."""
    settings = load(config, {}).settings
    world = a_world(settings)
    kept = [each for each in world.records if b'"pagerduty_delivered"' not in each.value]
    trigger = next(each for each in kept if each.topic is Topic.PAGERDUTY_EVENTS)
    incident = msgspec.json.decode(trigger.value)["incident_id"]
    await written(settings, kept)

    code, text, _ = await ackline("audit", "verify", "--config", config)

    assert 1 == code
    assert f"undelivered  {incident}: PagerDuty has not taken it [pagerduty-events" in text


async def test_what_kafka_has_deleted_is_not_missed(config: Path) -> None:
    """Retention takes one topic's old records before another's: what is older than it is not judged, and the rest is."""
    settings = load(config, {}).settings
    world = a_world(settings)
    await written(settings, world.records)
    oldest = min(
        (each for each in world.records if each.topic is Topic.INCIDENT_LOG), key=lambda each: each.timestamp_ms
    )
    place = TopicPartition(topic_name(settings.kafka.topic_prefix, Topic.INCIDENT_LOG), oldest.partition)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(1)})
    judged = "--config", config, "--from", "2h", "--to", _now(), "--format", "json"
    before, text, _ = await ackline("audit", "verify", *judged)
    retention = {"retention.ms": str(57 * MINUTE)}  # less than since the first incident, more than since the second
    names = [topic_name(settings.kafka.topic_prefix, topic) for topic in Topic]
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, each, retention) for each in names])
    await admin.close()
    after, text_after, _ = await ackline("audit", "verify", *judged)

    assert 1 == before
    assert 1 == json.loads(text)["broken"]["undecided"]
    assert 0 == after, text_after
    assert 1 == sum(json.loads(text_after)["obligations"].values())


async def test_an_export_is_judged_as_kafka_is(config: Path, tmp_path: Path) -> None:
    """With the same findings; and one that was tampered with is none."""
    settings = load(config, {}).settings
    kept = [each for each in a_world(settings).records if b'"pagerduty_delivered"' not in each.value]
    await written(settings, kept)
    path = tmp_path / "all.jsonl.zst"
    await ackline("export", "--config", config, "-o", path)

    of_kafka = await ackline("audit", "verify", "--config", config, "--format", "json")
    of_export = await ackline("audit", "verify", "--config", config, "--export", path, "--format", "json")
    path.write_bytes(path.read_bytes()[:-20])
    of_stump = await ackline("audit", "verify", "--config", config, "--export", path)

    assert [1, 1, 1] == [of_kafka[0], of_export[0], of_stump[0]]
    assert json.loads(of_kafka[1])["findings"] == json.loads(of_export[1])["findings"] != []
    assert "all.jsonl.zst: line" in of_stump[2]


async def test_stories_are_told_in_every_form(config: Path, tmp_path: Path) -> None:
    """Chosen by label; each form has the same incident."""
    settings = load(config, {}).settings
    await written(settings, a_world(settings).records)
    asked: tuple[Any, ...] = "replay", "--config", config, "--from", "2h", "--to", _now(), "--label", "team=infra"

    told = {form: await ackline(*asked, "--format", form) for form in ("table", "json", "jsonl", "html")}

    assert [0, 0, 0, 0] == [code for code, _, _ in told.values()]
    (story,) = json.loads(told["json"][1])
    assert story == json.loads(told["jsonl"][1])
    assert [] == [form for form, (_, text, _) in told.items() if story["incident_id"] not in text]
    assert "disk full" in told["table"][1]
    assert "cpu hot" not in told["html"][1]


async def test_follow_tells_what_happens_next(config: Path) -> None:
    """Until it is ended; what has been told is not told again."""
    settings = load(config, {}).settings
    world = a_world(settings)
    opening = world.records[0].timestamp_ms + 1_000
    await written(settings, [each for each in world.records if each.timestamp_ms < opening])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "ackline", "replay", "--config", str(config), "--follow", "--format", "jsonl",
        "--from", "2h", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        before = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        await written(settings, [each for each in world.records if each.timestamp_ms >= opening])
        after = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
    finally:
        process.terminate()
        await process.wait()

    assert {"opened", "deadline"} <= {each["what"] for each in before["happened"]}
    assert {"opened", "deadline"}.isdisjoint(
        each["what"] for each in after["happened"] if after["incident_id"] == before["incident_id"]
    )
    assert after["happened"]


async def test_what_makes_no_sense_is_refused_with_what_would() -> None:
    """Without a traceback."""
    wrong = {
        "no time": ("audit", "verify", "--from", "soon"),
        "no label": ("replay", "--label", "team"),
        "no end": ("replay", "--follow", "--format", "html"),
    }

    told = {name: await ackline(*arguments) for name, arguments in wrong.items()}

    assert {2} == {code for code, _, _ in told.values()}
    assert "yesterday 14:00" in told["no time"][2]
    assert "such as team=infra" in told["no label"][2]
    assert "table or jsonl" in told["no end"][2]


async def test_a_kafka_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """And the exit code is not 0: nothing was proved."""
    stack = Endpoints(bootstrap_servers="127.0.0.1:9", redis_host="127.0.0.1", redis_port=9)

    code, _, problems = await ackline("audit", "verify", "--config", config_for(stack, tmp_path, "x."))

    assert 1 == code
    assert "Kafka at 127.0.0.1:9 does not answer" in problems


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
