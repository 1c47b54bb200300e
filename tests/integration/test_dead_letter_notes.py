"""What Slack is told of dead letters, and that it costs no alert anything, on a real Kafka and a real Redis."""

import time

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from ackline.local_stack import Endpoints
from config.settings import AlertSettings, RedisSettings, SlackSettings
from notifiers.dead_letter_notes import GROUP
from sandbox.slack import Message
from state.client import connect
from state.turns import RedisTurns
from streams.records.dead_letter import retried_note
from streams.topics import Topic
from tests import edge
from tests.integration.notifier_world import World, a_world, post, until


MINUTE = timedelta(minutes=1)


@pytest.fixture
async def world(stack: Endpoints, topic_prefix: str) -> AsyncIterator[World]:
    """Kafka, Redis and the sandbox, with nothing in them that is this test's."""
    async with a_world(stack, topic_prefix) as fresh:
        yield fresh


def noting(world: World) -> AlertSettings:
    """The world's settings, with notes."""
    return AlertSettings(
        slack=SlackSettings.model_validate({**dict(world.settings.alert.slack), "dead_letter_notes": True})
    )


def metric() -> float:
    """How many records of `slack-notifications` have been unusable, as Prometheus is told."""
    labels = {"topic": "slack-notifications", "reason": "unusable"}
    return REGISTRY.get_sample_value("ackline_dead_letters_total", labels) or 0


async def pass_a_minute(world: World) -> None:
    """Let a minute pass in Redis, which says whose turn it is."""
    redis = connect(world.settings.redis)
    await redis.delete(f"{world.settings.redis.key_prefix}turn:dead-letter-note")
    await redis.aclose()


async def are_told(world: World, count: int) -> None:
    """Until so many letters are told, as Kafka knows it."""

    async def is_so() -> bool:
        return await told(world) == count

    await edge.until(is_so)


async def told(world: World) -> int:
    """How many letters are told, as Kafka knows it."""
    offsets = [await world.committed(Topic.DEAD_LETTERS, GROUP, partition) for partition in range(2)]
    return sum(offset or 0 for offset in offsets)


async def members(world: World, group: str) -> int:
    """How many share a topic, once they have agreed; 0 before."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([f"{world.settings.kafka.topic_prefix}{group}"])
    finally:
        await admin.close()
    [described] = answer.to_object()["groups"]
    return len(described["members"]) if described["state"] == "Stable" else 0


async def have_members(world: World, group: str, count: int) -> None:
    """Until so many share a topic."""

    async def is_so() -> bool:
        return await members(world, group) == count

    await edge.until(is_so)


async def notes(world: World, count: int = 1) -> list[Message]:
    """The notes in Slack, once there are so many."""
    await world.sandbox.wait_for(lambda: len(_notes(world)) >= count)
    return _notes(world)


def _notes(world: World) -> list[Message]:
    return [message for message in world.sandbox.slack_messages if "put aside" in message.text]


async def test_many_letters_are_one_note_and_are_told_once(world: World) -> None:
    """How many from where, and nothing of what is in them; a restart tells only of what came since."""
    counted = metric()
    await world.write(Topic.SLACK_NOTIFICATIONS, *[b"words of an alert"] * 30, post())
    async with world.notifiers(alert=noting(world)):
        [first] = await notes(world)
        await are_told(world, 30)
    await pass_a_minute(world)
    await world.write(Topic.DEAD_LETTERS, b"of somebody else")
    async with world.notifiers(alert=noting(world)):
        _, second = await notes(world, 2)
        await are_told(world, 31)

    assert 30 == metric() - counted
    assert "C1" == first.channel
    assert first.text.startswith("⚠️ 30 records were put aside as dead letters: 30 from slack-notifications. `ackline ")
    assert second.text.startswith("⚠️ 1 record was put aside as dead letters: 1 from elsewhere. ")
    assert first.arguments["unfurl_links"] is False
    assert "words of an alert" not in str(world.sandbox.slack_messages)


async def test_two_notifiers_share_one_turn_a_minute(world: World) -> None:
    """Whoever is second waits, and tells its own letters a minute later."""
    async with world.notifiers(alert=noting(world)), world.notifiers(alert=noting(world)):
        await have_members(world, GROUP, 2)
        await world.write(Topic.DEAD_LETTERS, b"1", partition=0)
        await world.write(Topic.DEAD_LETTERS, b"2", b"3", partition=1)
        await notes(world)
        await edge.until(lambda: told(world))
        passed_ms = time.time_ns() // 1_000_000
        await pass_a_minute(world)
        first, second = await notes(world, 2)

    assert first.received_at_ms <= passed_ms <= second.received_at_ms
    assert ["1 record was", "2 records were"] == sorted(" ".join(one.text.split()[1:4]) for one in (first, second))


async def test_a_letter_that_was_written_back_is_no_news(world: World) -> None:
    """What lies beside it to say so is no letter."""
    name = world.name(Topic.DEAD_LETTERS)
    await world._producer.send_and_wait(name, b"", partition=0, headers=retried_note(0))
    await world.write(Topic.DEAD_LETTERS, b"a letter")
    async with world.notifiers(alert=noting(world)):
        [note] = await notes(world)

    assert "1 record was put aside" in note.text


async def test_a_note_that_slack_refuses_is_a_line_in_the_log(world: World) -> None:
    """And neither a dead letter nor a reason to try again; alerts are told."""
    world.sandbox.slack.fail("error", error="not_in_channel", on="C1")
    await world.write(Topic.DEAD_LETTERS, b"1", b"2")
    with capture_logs() as lines:
        async with world.notifiers(alert=noting(world)):
            await are_told(world, 2)
            await world.write(Topic.SLACK_NOTIFICATIONS, post(channel_id="C2"))
            await world.sandbox.wait_for(lambda: world.sandbox.slack_messages)

    [line] = [line for line in lines if line["event"] == "dead_letter_note_not_told"]
    assert (2, "refused", "not_in_channel") == (line["letters"], line["reason"], line["detail"])
    assert ["C2"] == [message.channel for message in world.sandbox.slack_messages]
    assert 1 == len([call for call in world.sandbox.slack.calls if call.subject == "C1"])
    assert 2 == len(await world.records(Topic.DEAD_LETTERS, 2))


async def test_a_note_that_slack_could_not_take_is_told_later(world: World) -> None:
    """Nothing of it is committed, so that whoever comes next tells of all."""
    world.sandbox.slack.fail("status", status=503, times=1)
    await world.write(Topic.DEAD_LETTERS, b"1", b"2")
    async with world.notifiers(alert=noting(world)):
        await world.sandbox.wait_for(until(lambda: world.sandbox.slack.calls[0].status == 503))
    await pass_a_minute(world)
    await world.write(Topic.DEAD_LETTERS, b"3")
    async with world.notifiers(alert=noting(world)):
        [note] = await notes(world)

    assert "3 records were put aside" in note.text


async def test_a_note_that_hangs_delays_no_alert(world: World) -> None:
    """Nor does it keep the process from ending."""
    world.sandbox.slack.fail("hang", on="C1")
    await world.write(Topic.DEAD_LETTERS, b"1")
    async with world.notifiers(alert=noting(world)):
        await world.sandbox.wait_for(lambda: world.sandbox.slack.calls)
        await world.write(Topic.SLACK_NOTIFICATIONS, post(channel_id="C2"))
        await world.sandbox.wait_for(lambda: world.sandbox.slack_messages)
        [hanging, _] = world.sandbox.slack.calls

        assert ("C1", "in flight") == (hanging.subject, hanging.outcome)


async def test_with_notes_switched_off_nobody_reads_the_letters(world: World) -> None:
    """Once the notifier reads what it must, all is there that will be."""
    async with world.notifiers():
        for group in ("notifiers-slack", "notifiers-pagerduty"):
            await have_members(world, group, 1)
        readers = await members(world, GROUP)

    assert 0 == readers


async def test_a_turn_is_one_processs_for_a_while(world: World) -> None:
    """By Redis's clock, and each kind of turn by itself."""
    redis, other = connect(world.settings.redis), connect(world.settings.redis)
    mine, theirs = a_turn(world, redis), a_turn(world, other)
    taken = [await mine.take("a", MINUTE), await theirs.take("a", MINUTE), await theirs.take("b", MINUTE)]
    left_ms = await redis.pttl(f"{world.settings.redis.key_prefix}turn:a")
    await redis.aclose()
    await other.aclose()

    assert [True, False, True] == taken
    assert 50_000 < left_ms <= 60_000


async def test_without_redis_everybody_has_a_turn(world: World) -> None:
    """Rather said twice than never."""
    redis = connect(RedisSettings(host="127.0.0.1", port=1))
    taken = [await a_turn(world, redis).take("a", MINUTE) for _ in range(2)]
    await redis.aclose()

    assert [True, True] == taken


def a_turn(world: World, redis: Any) -> RedisTurns:
    """As a process of this deployment takes them."""
    return RedisTurns(redis, prefix=world.settings.redis.key_prefix, timeout=timedelta(seconds=2))
