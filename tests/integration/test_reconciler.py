"""The reconciler on a real Kafka and a real Redis, with no streams worker beside it: what nobody decides about, it pages."""

import asyncio
import secrets
import time

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from reconciler.service import Reconciler
from state.claims import Claim, Contest, RedisClaims, Winner
from state.client import connect
from streams.codec import encode
from streams.records import (
    Ack,
    AckClaim,
    DelayAlertsAdded,
    DelayCancelled,
    DelayScheduled,
    PagerDutyTrigger,
    PageReason,
    Record,
)
from streams.service import Streams
from streams.topics import Topic
from tests.edge import running, settings_for, until
from tests.integration.streams_world import Sent, send
from tests.log import everything_in, value_of, wait_for_records


GRACE_SECONDS = 0.6


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Problem:
    """An incident, and the records that anybody writes about it."""

    def __init__(self) -> None:
        self.key = secrets.token_hex(6).translate(str.maketrans("0189", "wxyz")) * 2
        self.incident = f"{self.key}-{'a' * 26}"

    def scheduled(self) -> Sent:
        """Due a second ago."""
        return self._sent(Topic.DELAYS, DelayScheduled(**self._delay(), due_ms=now_ms() - 1_000,
                                                       payload={"title": "disk full"}, routing_key_name="infra"))  # fmt: skip

    def added(self) -> Sent:
        """More alerts, due as well."""
        return self._sent(Topic.DELAYS, DelayAlertsAdded(**self._delay(), due_ms=now_ms(), payload={"title": "more"}))

    def cancelled(self) -> Sent:
        """Resolved."""
        return self._sent(Topic.DELAYS, DelayCancelled(**self._delay()))

    def acknowledged(self) -> Sent:
        """By somebody whom Redis could not tell anything."""
        ack = Ack(ack_id="k", incident_id=self.incident, source_key=self.key, at_ms=now_ms(), by="ann", via="link",
                  claim=AckClaim.UNKNOWN)  # fmt: skip
        return self._sent(Topic.ACKS, ack)

    def paged(self) -> Sent:
        """As a worker does it."""
        trigger = PagerDutyTrigger(
            incident_id=self.incident, source_key=self.key, round=1, dedup_key=self.incident, at_ms=now_ms(),
            due_ms=now_ms(), reason=PageReason.DEADLINE_PASSED, payload={},
        )  # fmt: skip
        return self._sent(Topic.PAGERDUTY_EVENTS, trigger)

    def _delay(self) -> dict[str, Any]:
        return {
            "incident_id": self.incident,
            "source_key": self.key,
            "event_id": secrets.token_hex(4),
            "at_ms": now_ms(),
        }

    def _sent(self, topic: Topic, record: Record) -> Sent:
        return topic, self.key.encode(), encode(record)


async def a_deployment(stack: Endpoints, prefix: str, **sections: Any) -> Settings:
    """Topics, and nothing that runs."""
    settings = settings_for(stack, prefix, reconciler={"grace": f"{GRACE_SECONDS}s"}, **sections)
    await ensure_topics(settings.kafka)
    return settings


async def pages(settings: Settings) -> list[tuple[str, int]]:
    """Which incidents PagerDuty is told of, and in which round."""
    told = [value_of(record) for record in await everything_in(settings, Topic.PAGERDUTY_EVENTS)]
    return [(one["incident_id"], one["round"]) for one in told]


async def looked(role: Reconciler, times: int) -> None:
    """Until it has looked so often at what is overdue, after the grace."""

    async def is_ready() -> bool:
        return set(role.health().values()) == {"ok"}

    await until(is_ready)
    # It looks four times in each grace. There is no event for "it decided to do nothing"; a page that is owed shows.
    await asyncio.sleep(GRACE_SECONDS * times)


async def test_what_is_overdue_and_nobody_s_is_paged(stack: Endpoints, topic_prefix: str) -> None:
    """With the alert, the dedup key and the key name that the timer would have given it; and the log says who did."""
    settings, problem = await a_deployment(stack, topic_prefix), Problem()
    await send(settings, problem.scheduled())

    async with running(Reconciler(settings)):
        (trigger,) = [value_of(one) for one in await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)]
        (entry,) = [value_of(one) for one in await wait_for_records(settings, Topic.INCIDENT_LOG, 1)]

    assert (problem.incident, "infra", {"title": "disk full"}) == (
        trigger["dedup_key"], trigger["routing_key_name"], trigger["payload"],
    )  # fmt: skip
    assert ("reconciler", "escalated", f"{topic_prefix}delays") == (
        entry["role"],
        entry["what"],
        entry["cause"]["topic"],
    )
    assert trigger["at_ms"] - trigger["due_ms"] >= GRACE_SECONDS * 1000


async def test_a_new_round_has_a_page_of_its_own(stack: Endpoints, topic_prefix: str) -> None:
    """With the newest alert in it."""
    settings, problem = await a_deployment(stack, topic_prefix), Problem()
    async with running(Reconciler(settings)):
        await send(settings, problem.scheduled(), problem.paged())
        await asyncio.sleep(2.1)  # later than what still counts as one moment
        await send(settings, problem.added())
        _, trigger = [value_of(one) for one in await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 2)]

    assert (f"{problem.incident}-r2", {"title": "more"}) == (trigger["dedup_key"], trigger["payload"])


async def _claimed(settings: Settings, problem: Problem) -> None:
    redis = connect(settings.redis)
    claims = RedisClaims(redis, prefix=settings.redis.key_prefix, timeout=settings.redis.timeout)
    await claims.claim([Contest(problem.incident, 1)], Claim(Winner.ACK, now_ms(), "ann"))
    await redis.aclose()


async def _acked(settings: Settings, problem: Problem) -> None:
    await send(settings, problem.acknowledged())


async def _cancelled(settings: Settings, problem: Problem) -> None:
    await send(settings, problem.cancelled())


async def _paged(settings: Settings, problem: Problem) -> None:
    await send(settings, problem.paged())


@pytest.mark.parametrize("settle", [_claimed, _acked, _cancelled, _paged], ids=["claim", "ack", "cancel", "page"])
async def test_what_is_settled_is_not_paged(
    stack: Endpoints, topic_prefix: str, settle: Callable[[Settings, Problem], Awaitable[None]]
) -> None:
    """By an ACK in Redis alone, an ACK in Kafka alone, a resolve or a page; what nobody settled is, beside it."""
    settings, mine, other = await a_deployment(stack, topic_prefix), Problem(), Problem()
    await send(settings, mine.scheduled(), other.scheduled())
    await settle(settings, mine)
    before = await pages(settings)

    async with running(Reconciler(settings)):
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, len(before) + 1)

    assert [*before, (other.incident, 1)] == await pages(settings)


async def test_a_restart_and_a_second_instance_page_nothing_again(stack: Endpoints, topic_prefix: str) -> None:
    """What they have done stands in Kafka, and is all that they go by."""
    settings, problem = await a_deployment(stack, topic_prefix), Problem()
    await send(settings, problem.scheduled())
    async with running(Reconciler(settings)):
        await wait_for_records(settings, Topic.INCIDENT_LOG, 1)

    again, second = Reconciler(settings), Reconciler(settings)
    async with running(again), running(second):
        await looked(again, 4)
        await looked(second, 1)

    assert [(problem.incident, 1)] == await pages(settings)


async def test_without_redis_it_pages_what_kafka_knows_no_ack_of(stack: Endpoints, topic_prefix: str) -> None:
    """In doubt, page (law 2)."""
    nowhere = {"host": "127.0.0.1", "port": 1, "key_prefix": topic_prefix}
    settings, mine, other = await a_deployment(stack, topic_prefix, redis=nowhere), Problem(), Problem()
    await send(settings, mine.scheduled(), other.scheduled(), mine.acknowledged())

    role = Reconciler(settings)
    async with running(role):
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        told = role.health()["redis"]

    assert [(other.incident, 1)] == await pages(settings)
    assert "does not answer" in told


async def test_a_worker_that_comes_later_pages_under_the_same_dedup_key(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """So that PagerDuty, whoever of the two it hears twice, has one incident."""
    settings, problem = await a_deployment(stack, topic_prefix), Problem()
    await send(settings, problem.scheduled())
    async with running(Reconciler(settings)):
        await wait_for_records(settings, Topic.INCIDENT_LOG, 1)

    async with running(Streams(settings, tmp_path)):
        triggers = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 2)

    assert {(problem.incident, "infra")} == {
        (one["dedup_key"], one["routing_key_name"]) for one in map(value_of, triggers)
    }


async def test_poison_stops_nothing(stack: Endpoints, topic_prefix: str) -> None:
    """It is passed over: whoever else reads it puts it aside."""
    settings, problem = await a_deployment(stack, topic_prefix), Problem()
    topics = (Topic.DELAYS, Topic.ACKS, Topic.PAGERDUTY_EVENTS)
    await send(settings, *[(topic, problem.key.encode(), b"\xff") for topic in topics], problem.scheduled())

    async with running(Reconciler(settings)):
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 2)
        await wait_for_records(settings, Topic.INCIDENT_LOG, 1)


async def test_without_a_broker_it_says_so_and_waits(topic_prefix: str, stack: Endpoints) -> None:
    """A start without one is no end, and nothing that another start would mend."""
    settings = await a_deployment(stack, topic_prefix)
    nowhere = settings.model_copy(
        update={"kafka": settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})}
    )
    role = Reconciler(nowhere)

    async def is_troubled() -> bool:
        return "127.0.0.1:1" in role.health()["kafka"]

    async with running(role):
        await until(is_troubled)
    assert [0.0] == list(role.liveness().values())
