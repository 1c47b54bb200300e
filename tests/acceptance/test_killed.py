"""kill -9 of every role while alerts are pending: whoever is unacknowledged is paged, once, and nobody else."""

import asyncio
import signal
import time

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio

from aiokafka.admin import AIOKafkaAdminClient

from ackline.local_stack import Endpoints
from ackline.roles import ROLES
from streams.topics import app_id
from tests.acceptance.secrecy import leaks
from tests.acceptance.world import World, a_world, alert, end, named


LONGEST_SECONDS = 30
"""After a death, what fell due is sent within this: the promise. The usual time is printed, and far shorter."""


@dataclass
class Pipeline:
    """A running `ackline up` that tests may kill parts of, or all of."""

    world: World
    up: Any

    async def again(self) -> None:
        """Start it once more, as a machine's supervisor does."""
        self.up = await self.world.up()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pipeline(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pipeline]:
    async with a_world(stack, tmp_path_factory.mktemp("killed")) as world:
        yield Pipeline(world, await world.up())


@pytest.fixture
def world(pipeline: Pipeline) -> World:
    return pipeline.world


async def post_many(world: World, what: str, count: int, minutes: float) -> list[dict[str, Any]]:
    """So many alerts, each a problem of its own, told in channels of their own: Slack is slow with each channel."""
    return [
        await world.post(
            alert(f"{what} {number}"), dedup_key=f"{what} {number}", oncall_wait_minutes=minutes,
            slack_channel_id=f"C{number % 10}",
        )
        for number in range(count)
    ]  # fmt: skip


async def all_paged(world: World, answers: list[dict[str, Any]], since: float) -> None:
    """Wait until all of them are, and say how late they were."""
    ids = [answer["incident_id"] for answer in answers]
    await world.until(
        lambda: all(world.pages(one) for one in ids), f"all {len(ids)} are paged",
        LONGEST_SECONDS + since - time.monotonic(),
    )  # fmt: skip
    late = sorted(page.lateness_ms or 0 for one in ids for page in world.pages(one))
    took, middle = time.monotonic() - since, late[len(late) // 2]
    # Shown with `pytest -s`: how long it takes is worth knowing, and no test.
    print(f"\n{len(ids)} paged {took:.1f} s after the death, {late[0]} to {late[-1]} ms late, median {middle}")  # noqa: T201


def opened(world: World, answers: list[dict[str, Any]]) -> list[int]:
    """How many incidents PagerDuty has opened for each of these."""
    return [len(world.pages(answer["incident_id"])) for answer in answers]


async def test_a_killed_streams_worker_loses_no_deadline(pipeline: Pipeline, world: World) -> None:
    """Of thirty pending alerts the unacknowledged ones are paged once each, the acknowledged and the resolved never.

    Half of those that are paged fall due while nobody is there, half of them after the restart.
    """
    what = named("streams")
    acked = await post_many(world, f"{what} acked", 8, minutes=0.2)
    resolved = await post_many(world, f"{what} resolved", 4, minutes=0.2)
    soon = await post_many(world, f"{what} soon", 9, minutes=0.08)
    later = await post_many(world, f"{what} later", 9, minutes=0.2)
    for answer in acked + resolved + later:
        await world.until_state(answer["incident_id"], "pending")
    told = [(await world.ack(answer["ack_url"]))["status"] for answer in acked]
    for number in range(4):
        await world.post({"status": "resolved"}, dedup_key=f"{what} resolved {number}")

    await world.kill(pipeline.up, "streams")
    await all_paged(world, soon + later, since=time.monotonic())

    assert told == ["acknowledged"] * 8
    assert [0] * 12 + [1] * 18 == opened(world, acked + resolved + soon + later)


async def test_alerts_that_come_while_the_worker_is_dead_are_paged_too(pipeline: Pipeline, world: World) -> None:
    """They are accepted meanwhile, and an ACK given meanwhile counts."""
    await world.kill(pipeline.up, "streams")
    since = time.monotonic()
    answers = await post_many(world, named("meanwhile"), 6, minutes=0.05)
    told = (await world.ack(answers[0]["ack_url"]))["status"]

    await all_paged(world, answers[1:], since)
    await world.until_state(answers[0]["incident_id"], "acknowledged")

    assert told in {"acknowledged", "recorded"}
    assert opened(world, answers) == [0, 1, 1, 1, 1, 1]


async def test_killed_notifiers_page_on(pipeline: Pipeline, world: World) -> None:
    """What was on its way is sent again after the restart, and for PagerDuty it is one incident all the same."""
    slow = world.sandbox.pagerduty.fail("delay", delay_seconds=0.3)
    answers = await post_many(world, named("notifiers"), 12, minutes=0)
    await world.until(lambda: any(opened(world, answers)), "the first is paged")

    await world.kill(pipeline.up, "notifiers")
    world.sandbox.pagerduty.faults.remove(slow)
    await all_paged(world, answers, since=time.monotonic())

    assert [1] * 12 == opened(world, answers)


async def test_a_killed_ingest_loses_nothing_that_a_client_sends_until_it_is_accepted(
    pipeline: Pipeline, world: World
) -> None:
    """As Alertmanager does it: without a 2xx, again."""
    what, accepted = named("ingest"), []

    async def send(number: int) -> dict[str, Any]:
        while True:
            try:
                return await world.post(alert(what), dedup_key=f"{what} {number}", oncall_wait_minutes=0,
                                        slack_channel_id=f"C{number % 10}")  # fmt: skip
            except (httpx.TransportError, AssertionError):
                await asyncio.sleep(0.1)

    for number in range(20):
        if number == 10:
            await world.kill(pipeline.up, "ingest")
        accepted.append(await send(number))
    await all_paged(world, accepted, since=time.monotonic())

    assert 20 == len(pages := [one for one in world.sandbox.pagerduty_incidents if what in one.summary])
    assert {one.dedup_key for one in pages} == {one["incident_id"] for one in accepted}


async def test_a_killed_projection_catches_up_and_no_page_waits_for_it(pipeline: Pipeline, world: World) -> None:
    """The API knows everything in the end."""
    await world.kill(pipeline.up, "projection")
    since = time.monotonic()
    acked, paged = await post_many(world, named("projection"), 2, minutes=0.05)
    told = (await world.ack(acked["ack_url"]))["status"]

    await all_paged(world, [paged], since)
    await world.until_state(paged["incident_id"], "escalated")
    await world.until_state(acked["incident_id"], "acknowledged")

    assert told in {"acknowledged", "recorded"}
    assert [0, 1] == opened(world, [acked, paged])


async def test_kill_9_of_up_takes_everything_with_it_and_the_next_start_goes_on(
    pipeline: Pipeline, world: World
) -> None:
    """No child survives, and an alert that was accepted a moment before is paged all the same."""
    answers = await post_many(world, named("up"), 3, minutes=0.05)
    children = psutil.Process(pipeline.up.pid).children(recursive=True)

    pipeline.up.kill()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, children, 5)
    for survivor in alive:  # Or it would outlive the tests as well.
        survivor.kill()
    await pipeline.again()
    await all_paged(world, answers, since=time.monotonic())

    assert (len(ROLES), []) == (len(gone), alive)
    assert opened(world, answers) == [1, 1, 1]


async def test_sigterm_stops_up_cleanly_and_the_next_start_pages_what_fell_due(
    pipeline: Pipeline, world: World
) -> None:
    """It exits 0 within seconds, and leaves nobody behind."""
    answers = await post_many(world, named("sigterm"), 3, minutes=0.1)
    children = psutil.Process(pipeline.up.pid).children(recursive=True)

    pipeline.up.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(pipeline.up.wait, 20)
    before = opened(world, answers)
    await pipeline.again()
    await all_paged(world, answers, since=time.monotonic())

    assert code == 0
    assert [] == [child for child in children if child.is_running()]
    assert before == [0, 0, 0]
    assert opened(world, answers) == [1, 1, 1]


async def test_after_all_these_deaths_no_secret_is_anywhere(world: World) -> None:
    """Crashes and restarts say more than usual; not that."""
    assert set() == await leaks(world)


async def test_a_second_worker_takes_over_from_a_killed_one(stack: Endpoints, tmp_path: Any) -> None:
    """No supervisor needed: after the session timeout the other has its partitions, deadlines included."""
    async with a_world(stack, tmp_path) as world:
        from_topics = world.start("topics", "--apply")
        assert 0 == await asyncio.to_thread(from_topics.wait, 30)
        first = world.start("streams", state="first")
        world.start("streams", state="second")
        world.start("notifiers")
        await world.until_ready(world.start("ingest"))
        await world.until(lambda: members(world), "both workers share the partitions", 60)
        answers = await post_many(world, named("takeover"), 12, minutes=0.1)

        end(first)
        await all_paged(world, answers, since=time.monotonic())

        assert [1] * 12 == opened(world, answers)


async def members(world: World) -> bool:
    """Whether two workers are in the group of the streams, and have agreed on who does what."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([app_id(world.settings.kafka.topic_prefix)])
    finally:
        await admin.close()
    _code, _group, state, *_rest, people = answer.groups[0][:6]
    return state == "Stable" and len(people) == 2
