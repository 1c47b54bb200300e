"""Notifiers against a real Kafka and a real Redis: what is told in Slack, and what troubles do not cost."""

import asyncio
import time

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from structlog.testing import capture_logs

from ackline.local_stack import Endpoints
from config.settings import AlertSettings, RedisSettings, SlackSettings
from streams.codec import decode
from streams.records import DelayExpedited, Happening, IncidentStatus
from streams.topics import Topic
from tests.integration.notifier_world import (
    DEFAULT_KEY,
    INFRA_KEY,
    TOKEN,
    World,
    a_world,
    post,
    thread,
    trigger,
    until,
    update,
)


SLACK = (Topic.SLACK_NOTIFICATIONS, "notifiers-slack")


@pytest.fixture
async def world(stack: Endpoints, topic_prefix: str) -> AsyncIterator[World]:
    """Kafka, Redis and the sandbox, with nothing in them that is this test's."""
    async with a_world(stack, topic_prefix) as fresh:
        yield fresh


def slack_settings(world: World, **changes: object) -> AlertSettings:
    """Other settings of Slack than the world's."""
    return AlertSettings(slack=SlackSettings.model_validate({**dict(world.settings.alert.slack), **changes}))


async def test_an_incident_is_told_with_a_link_and_a_receipt(world: World) -> None:
    """The message is in Slack, where it is is in the incident log, and only then is the record done."""
    await world.write(Topic.SLACK_NOTIFICATIONS, post())

    async with world.notifiers() as role:
        await world.sandbox.wait_for(lambda: world.sandbox.slack_messages)
        [entry] = await world.log(1)
        assert {"kafka": "ok", "redis": "ok", "slack": "ok", "pagerduty": "ok"} == role.health()

    [message] = world.sandbox.slack_messages
    assert ["http://ack.example/api/incidents/ack/incident-1"] == message.links
    assert message.arguments["unfurl_links"] is False
    assert (Happening.SLACK_DELIVERED, "slack", "incident-1") == (entry.what, entry.role, entry.incident_id)
    assert {"kind": "post", "channel": "C1", "ts": message.ts} == entry.detail
    assert (world.name(Topic.SLACK_NOTIFICATIONS), 0, 0) == (
        entry.cause.topic,
        entry.cause.partition,
        entry.cause.offset,
    )
    assert 1 == await world.committed(*SLACK)


async def test_what_happens_next_is_told_where_the_incident_is(world: World) -> None:
    """Added alerts go into the thread; an acknowledgement changes the message itself and takes its button."""
    await world.write(
        Topic.SLACK_NOTIFICATIONS,
        post(),
        thread(),
        update(IncidentStatus.ESCALATED, at_ms=2_000),
        update(IncidentStatus.ACKNOWLEDGED, at_ms=3_000),
    )

    async with world.notifiers():
        await world.sandbox.wait_for(until(lambda: "Acknowledged" in world.sandbox.slack_messages[0].text))

    message, answer = world.sandbox.slack_messages
    assert message.ts == answer.thread_ts
    assert "1 new alert" in answer.text
    assert message.text.index("Escalated to PagerDuty") < message.text.index("Acknowledged by Natsu")
    assert "DiskFull" in message.text
    assert [] == message.links


async def test_the_message_is_found_again_after_a_restart(world: World) -> None:
    """Where it is is in Redis, and not in one process only."""
    await world.write(Topic.SLACK_NOTIFICATIONS, post())
    async with world.notifiers():
        await world.log(1)
    await world.write(Topic.SLACK_NOTIFICATIONS, update(IncidentStatus.RESOLVED))

    async with world.notifiers():
        await world.sandbox.wait_for(until(lambda: "Resolved" in world.sandbox.slack_messages[0].text))

    assert 1 == len(world.sandbox.slack_messages)


async def test_a_record_that_comes_again_is_told_once(world: World) -> None:
    """After a crash before the commit Slack hears nothing twice, and the log says the same again."""
    await world.write(Topic.SLACK_NOTIFICATIONS, post())
    async with world.notifiers():
        await world.log(1)
    await world.rewind(*SLACK)

    async with world.notifiers():
        entries = await world.log(2)

    assert 1 == len(world.sandbox.slack_messages)
    assert entries[0].detail == entries[1].detail
    assert entries[0].cause == entries[1].cause
    assert 1 == await world.committed(*SLACK)


async def test_news_of_a_message_that_nobody_knows_is_not_lost_in_silence(world: World) -> None:
    """An update has nothing to change and is dropped, with an entry; added alerts are told in a message of their own."""
    await world.write(Topic.SLACK_NOTIFICATIONS, update(IncidentStatus.RESOLVED), thread())

    async with world.notifiers():
        assert [Happening.SLACK_REJECTED, Happening.SLACK_DELIVERED] == await world.happened(2)

    [message] = world.sandbox.slack_messages
    assert message.thread_ts is None
    assert "1 new alert" in message.text


async def test_a_channel_in_trouble_delays_no_other(world: World) -> None:
    """One channel hangs: the others, behind it in the same partition, are told at once."""
    world.sandbox.slack.fail("hang", on="C-stuck")
    await world.write(Topic.SLACK_NOTIFICATIONS, post("stuck", channel_id="C-stuck"))
    await world.write(Topic.SLACK_NOTIFICATIONS, *(post(f"other-{n}", channel_id=f"C{n}") for n in range(5)))

    async with world.notifiers():
        await world.sandbox.wait_for(lambda: len(world.sandbox.slack_messages) == 5)
        assert [0, None].count(await world.committed(*SLACK)) == 1
        world.sandbox.slack.restore()
        await world.sandbox.wait_for(lambda: len(world.sandbox.slack_messages) == 6)
        await world.log(6)

    assert 6 == await world.committed(*SLACK)


async def test_partitions_change_hands_without_loss_or_repeat(world: World) -> None:
    """A second process takes over half of the work while the first is in the middle of it, and all of it in the end."""
    world.sandbox.slack.fail("delay", delay_seconds=0.05)
    for n in range(40):
        await world.write(Topic.SLACK_NOTIFICATIONS, post(f"i{n}", channel_id=f"C{n % 4}"), partition=n % 2)

    async with world.notifiers():
        async with world.notifiers():
            await world.sandbox.wait_for(lambda: len(world.sandbox.slack_messages) > 5)
        await world.sandbox.wait_for(lambda: len(world.sandbox.slack_messages) >= 40, timeout=20)
        entries = await world.log(40)

    assert {f"i{n}" for n in range(40)} == {entry.incident_id for entry in entries}
    assert 40 == len(world.sandbox.slack_messages)


async def test_what_waits_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While Slack hangs no more is read than the bound, and when it is over everything is told."""
    monkeypatch.setattr("notifiers.consume.MAX_READ_AHEAD", 10)
    monkeypatch.setattr("notifiers.consume._BATCH", 5)
    world.sandbox.slack.fail("hang")
    await world.write(Topic.SLACK_NOTIFICATIONS, *(post(f"i{n}", channel_id=f"C{n}") for n in range(40)))

    async with world.notifiers():
        await world.sandbox.wait_for(lambda: len(world.sandbox.slack.calls) >= 10)
        await asyncio.sleep(0.5)  # Time in which it could read on, and must not.
        assert len(world.sandbox.slack.calls) <= 15
        world.sandbox.slack.restore()
        await world.sandbox.wait_for(lambda: len(world.sandbox.slack_messages) == 40, timeout=20)


async def test_a_stop_commits_only_what_is_done(world: World) -> None:
    """A record that is waiting for its next try is done by whoever comes next."""
    world.sandbox.slack.fail("status", status=503)
    await world.write(Topic.SLACK_NOTIFICATIONS, post())
    async with world.notifiers():
        await world.sandbox.wait_for(lambda: world.sandbox.slack.calls)
        began = time.monotonic()
    assert time.monotonic() - began < 8
    assert not await world.committed(*SLACK)
    world.sandbox.slack.restore()

    async with world.notifiers():
        await world.sandbox.wait_for(lambda: world.sandbox.slack_messages)


async def test_without_redis_everything_is_told_all_the_same(world: World) -> None:
    """Redis keeps receipts and nothing more; health names it."""
    await world.write(Topic.SLACK_NOTIFICATIONS, post(), update(IncidentStatus.ACKNOWLEDGED))

    async with world.notifiers(redis=RedisSettings(host="127.0.0.1", port=1)) as role:
        await world.sandbox.wait_for(until(lambda: "Acknowledged" in world.sandbox.slack_messages[0].text))
        assert "ok" != role.health()["redis"]


async def test_what_slack_refuses_for_good_makes_the_page_due(world: World) -> None:
    """Nobody can acknowledge what nobody saw: expedited, put aside as it was, and in the log."""
    await world.write(
        Topic.SLACK_NOTIFICATIONS, post(channel_id="nowhere"), post("quiet", oncall=False, channel_id="x")
    )

    async with world.notifiers():
        letters = await world.records(Topic.DEAD_LETTERS, 2)
        assert [Happening.SLACK_REJECTED] * 2 == await world.happened(2)

    [delay] = await world.records(Topic.DELAYS, 1)
    expedited = decode(Topic.DELAYS, delay.value)
    assert isinstance(expedited, DelayExpedited)
    assert ("incident-1", "key", "refused: channel_not_found") == (
        expedited.incident_id,
        expedited.source_key,
        expedited.reason,
    )
    assert b"key" == delay.key
    assert b"Slack: refused: channel_not_found" == dict(letters[0].headers)["reason"]


async def test_what_slack_never_takes_is_given_up_in_time(world: World) -> None:
    """An outage that outlasts `give_up_after` makes the page due as well."""
    world.sandbox.slack.fail("status", status=500)
    await world.write(Topic.SLACK_NOTIFICATIONS, post())

    async with world.notifiers(alert=slack_settings(world, give_up_after=timedelta(seconds=1))):
        [delay] = await world.records(Topic.DELAYS, 1)

    assert decode(Topic.DELAYS, delay.value).reason.startswith("gave_up")
    assert len(world.sandbox.slack.calls) > 1


async def test_words_that_slack_refuses_are_said_in_plain_ones(world: World) -> None:
    """Content is no reason not to tell: the second try is short, has no blocks, and has the link."""
    world.sandbox.slack.fail("error", error="invalid_blocks", times=1)
    await world.write(Topic.SLACK_NOTIFICATIONS, post())

    async with world.notifiers():
        assert [Happening.SLACK_DELIVERED] == await world.happened(1)

    [message] = world.sandbox.slack_messages
    assert [] == message.blocks
    assert "DiskFull" in message.text
    assert "http://ack.example/api/incidents/ack/incident-1" in message.text


async def test_a_template_that_is_broken_stops_nothing(world: World, tmp_path: object) -> None:
    """A missing template is the built-in message."""
    await world.write(Topic.SLACK_NOTIFICATIONS, post())

    async with world.notifiers(alert=slack_settings(world, template_path=f"{tmp_path}/none.j2")):
        await world.sandbox.wait_for(lambda: world.sandbox.slack_messages)

    assert "DiskFull" in world.sandbox.slack_messages[0].text


async def test_with_slack_off_nothing_is_told_now_or_later(world: World) -> None:
    """Records pass, so that switching it on one day does not tell a month of old news."""
    await world.write(Topic.SLACK_NOTIFICATIONS, post(), b"nonsense")

    async with world.notifiers(alert=slack_settings(world, enable=False)):
        await world.records(Topic.DEAD_LETTERS, 1)

    assert 2 == await world.committed(*SLACK)
    assert [] == list(world.sandbox.slack.calls)


async def test_a_record_that_cannot_be_read_is_put_aside(world: World) -> None:
    """Its bytes, its place and what is wrong with it are kept, and the partition goes on."""
    await world.write(Topic.SLACK_NOTIFICATIONS, b"{not json", b'{"type":"post","v":1}', post())

    async with world.notifiers():
        await world.sandbox.wait_for(lambda: world.sandbox.slack_messages)
        first, second = await world.records(Topic.DEAD_LETTERS, 2)
        await world.log(1)

    headers = dict(first.headers)
    assert (b"key", b"{not json") == (first.key, first.value)
    assert (world.name(Topic.SLACK_NOTIFICATIONS).encode(), b"0", b"0") == (
        headers["topic"],
        headers["partition"],
        headers["offset"],
    )
    assert b"missing required field" in dict(second.headers)["reason"]
    assert 3 == await world.committed(*SLACK)


async def test_a_key_is_found_by_its_name_and_shown_to_nobody(world: World) -> None:
    """The name chooses the key; keys and the token are in no topic and no log line."""
    await world.write(Topic.PAGERDUTY_EVENTS, trigger(routing_key_name="infra"), trigger("other"))
    await world.write(Topic.SLACK_NOTIFICATIONS, post(), post("refused", channel_id="nowhere"))

    with capture_logs() as lines:
        async with world.notifiers():
            await world.log(4)

    assert {("infra", "incident-1"), ("default", "other")} == {
        (incident.key_name, incident.dedup_key) for incident in world.sandbox.pagerduty_incidents
    }
    everywhere = await world.everything() + repr(lines).encode()
    assert b"DiskFull" in everywhere
    for secret in (INFRA_KEY, DEFAULT_KEY, TOKEN):
        assert secret.encode() not in everywhere
