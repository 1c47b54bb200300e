"""A worker takes over: deadlines have passed meanwhile, and ACKs were given that it has yet to read."""

import time

from pathlib import Path

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from streams.codec import encode
from streams.records import Ack, AckClaim, DelayScheduled, Tick
from streams.service import Streams
from streams.topics import Topic
from tests.edge import running, settings_for
from tests.integration.streams_world import Sent, send
from tests.log import value_of, wait_for_records


KEY = "w" * 24
OTHERS = 1_000
"""ACKs that come before the one that counts, so that the ticks are read before it is."""


def incident(letter: str) -> str:
    return f"{KEY}-{letter * 26}"


def overdue(letter: str) -> Sent:
    now_ms = time.time_ns() // 1_000_000
    delay = DelayScheduled(
        event_id=letter, incident_id=incident(letter), source_key=KEY, at_ms=now_ms, due_ms=now_ms - 1_000, payload={}
    )
    return Topic.DELAYS, KEY.encode(), encode(delay)


def ack(of: str, number: int = 0) -> Sent:
    record = Ack(
        ack_id=f"k{number}", incident_id=of, source_key=KEY, at_ms=number + 1, by="ann", via="link",
        claim=AckClaim.UNKNOWN,
    )  # fmt: skip
    return Topic.ACKS, KEY.encode(), encode(record)


async def test_without_redis_a_page_waits_for_the_acks_that_kafka_has(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """Whoever acknowledged while no worker was there is not paged by ticks that are read before the ACK is; and what
    nobody acknowledged is."""
    nowhere = {"host": "127.0.0.1", "port": 1, "key_prefix": topic_prefix}
    settings = settings_for(stack, topic_prefix, redis=nowhere)
    await ensure_topics(settings.kafka)
    others = [ack(incident("b"), number) for number in range(OTHERS)]
    ticks = [(Topic.TICKS, KEY.encode(), encode(Tick(now_ms=number))) for number in range(20)]
    await send(settings, overdue("a"), overdue("c"), *others, ack(incident("a")), *ticks)

    async with running(Streams(settings, tmp_path)):
        (trigger,) = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        log = [value_of(record) for record in await wait_for_records(settings, Topic.INCIDENT_LOG, 2)]

    assert incident("c") == value_of(trigger)["incident_id"]
    assert {(incident("a"), "acknowledged"), (incident("c"), "escalated")} == {
        (one["incident_id"], one["what"]) for one in log
    }
