"""Pages against a real Kafka and a real Redis: which key they go through, and what they outlast."""

from collections.abc import AsyncIterator

import pytest

from ackline.local_stack import Endpoints
from streams.records import Happening, LogEntry, PagerDutyEvent
from streams.topics import Topic
from tests.integration.notifier_world import World, a_world, acknowledge, resolve, trigger


PAGERDUTY = (Topic.PAGERDUTY_EVENTS, "notifiers-pagerduty")


@pytest.fixture
async def world(stack: Endpoints, topic_prefix: str) -> AsyncIterator[World]:
    """Kafka, Redis and the sandbox, with nothing in them that is this test's."""
    async with a_world(stack, topic_prefix) as fresh:
        yield fresh


async def read_twice(world: World, *records: PagerDutyEvent) -> list[LogEntry]:
    """What the log says of records that are delivered, and read again as after a crash before the commit."""
    await world.write(Topic.PAGERDUTY_EVENTS, *records)
    async with world.notifiers():
        await world.log(len(records))
    await world.rewind(*PAGERDUTY)

    async with world.notifiers():
        return await world.log(2 * len(records))


async def test_a_page_is_triggered_with_a_receipt(world: World) -> None:
    """PagerDuty has an incident with the alert's own words, and the log has PagerDuty's answer and the lateness."""
    await world.write(Topic.PAGERDUTY_EVENTS, trigger())

    async with world.notifiers():
        [entry] = await world.log(1)

    [incident] = world.sandbox.pagerduty_incidents
    assert ("default", "incident-1", "DiskFull: Only 3 % are left.") == (
        incident.key_name,
        incident.dedup_key,
        incident.summary,
    )
    assert (Happening.PAGERDUTY_DELIVERED, "pagerduty") == (entry.what, entry.role)
    lateness_ms = entry.detail.pop("lateness_ms")
    assert entry.at_ms - 1_000 == pytest.approx(lateness_ms, abs=1_000)
    assert {
        "action": "trigger",
        "round": 1,
        "dedup_key": "incident-1",
        "routing_key_name": None,
        "status": "success",
    } == entry.detail
    assert 1 == await world.committed(*PAGERDUTY)


async def test_a_page_that_is_read_again_after_its_end_wakes_nobody(world: World) -> None:
    """After a crash before the commit: PagerDuty would open another incident. The log has the notes once more."""
    entries = await read_twice(world, trigger(), resolve())

    [incident] = world.sandbox.pagerduty_incidents
    assert (1, "resolved") == (incident.triggers, incident.status)
    assert ["trigger", "resolve"] * 2 == [entry.detail["action"] for entry in entries]


async def test_a_page_whose_end_is_still_to_come_is_sent_again(world: World) -> None:
    """In doubt it is sent: a death may have come before PagerDuty had it."""
    await read_twice(world, trigger(), acknowledge())

    [incident] = world.sandbox.pagerduty_incidents
    assert 2 == incident.triggers


async def test_an_outage_of_pagerduty_is_outlasted(world: World) -> None:
    """A lost answer and then errors are tried again until they end; it was one incident all along, and what followed
    the page comes after it."""
    world.sandbox.pagerduty.fail("status", status=503)
    world.sandbox.pagerduty.fail("lose_answer", times=1)
    await world.write(Topic.PAGERDUTY_EVENTS, trigger(), acknowledge())

    async with world.notifiers():
        await world.sandbox.wait_for(lambda: len(world.sandbox.pagerduty.calls) >= 3)
        world.sandbox.pagerduty.restore()
        assert [Happening.PAGERDUTY_DELIVERED] * 2 == await world.happened(2)

    [incident] = world.sandbox.pagerduty_incidents
    assert (2, "acknowledged") == (incident.triggers, incident.status)


async def test_a_key_that_is_refused_gives_way_to_the_default_key(world: World) -> None:
    """The page goes out, says why it went this way, and its acknowledgement goes the same way, even after a restart."""
    world.sandbox.pagerduty.fail("error", error="Invalid routing key", on="infra", times=1)
    await world.write(Topic.PAGERDUTY_EVENTS, trigger(routing_key_name="infra"))
    async with world.notifiers() as role:
        rejected, delivered = await world.log(2)
        assert "default key" in role.health()["pagerduty"]
    await world.write(Topic.PAGERDUTY_EVENTS, acknowledge(routing_key_name="infra"))
    async with world.notifiers():
        await world.log(3)

    [incident] = world.sandbox.pagerduty_incidents
    assert ("default", "acknowledged") == (incident.key_name, incident.status)
    assert "'infra'" in incident.payload["custom_details"]["warning"]
    assert (Happening.PAGERDUTY_REJECTED, "infra") == (rejected.what, rejected.detail["routing_key_name"])
    assert (Happening.PAGERDUTY_DELIVERED, True) == (delivered.what, delivered.detail["fallback"])


async def test_a_page_that_is_sent_after_both_keys_were_refused_takes_its_own_key_and_so_does_what_follows(
    world: World,
) -> None:
    """As `ackline dead-letters retry` sends it: nothing went through the default key, so nothing has to follow it."""
    world.sandbox.pagerduty.fail("error", error="Invalid routing key", times=3)
    await world.write(Topic.PAGERDUTY_EVENTS, trigger(routing_key_name="infra"))
    async with world.notifiers():
        await world.log(2)
        world.sandbox.pagerduty.restore()
        await world.write(
            Topic.PAGERDUTY_EVENTS, trigger(routing_key_name="infra"), acknowledge(routing_key_name="infra")
        )
        await world.log(4)

    [incident] = world.sandbox.pagerduty_incidents
    assert ("infra", "acknowledged") == (incident.key_name, incident.status)


async def test_a_name_that_is_not_configured_pages_through_the_default_key(world: World) -> None:
    """In doubt, page; the page says so."""
    await world.write(Topic.PAGERDUTY_EVENTS, trigger(routing_key_name="gone"))

    async with world.notifiers():
        await world.log(1)

    [incident] = world.sandbox.pagerduty_incidents
    assert "not configured" in incident.payload["custom_details"]["warning"]


async def test_a_page_that_no_key_can_deliver_is_put_aside_loudly(world: World) -> None:
    """Nothing else can be done, and nothing is hidden: dead letter, log entry, health; the next page goes out."""
    world.sandbox.pagerduty.fail("error", error="Invalid routing key", times=2)
    await world.write(Topic.PAGERDUTY_EVENTS, trigger("first"), trigger("second"))

    async with world.notifiers():
        assert [Happening.PAGERDUTY_REJECTED, Happening.PAGERDUTY_DELIVERED] == await world.happened(2)
        [letter] = await world.records(Topic.DEAD_LETTERS, 1)

    assert (
        b"PagerDuty: refused: HTTP 400: Event object is invalid; Invalid routing key" == dict(letter.headers)["reason"]
    )
    assert ["second"] == [incident.dedup_key for incident in world.sandbox.pagerduty_incidents]
