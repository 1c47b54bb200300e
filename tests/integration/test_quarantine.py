"""A mistake of ours about one record: the worker lives on, everything else is decided, and nothing is forgotten."""

from pathlib import Path
from typing import Any

import pytest

import streams.fan_out
import streams.timer

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from reconciler.service import Reconciler
from streams.records.dead_letter import origin_of
from streams.service import Streams
from streams.topics import Topic, topic_name
from tests.edge import running, settings_for
from tests.integration.streams_world import alert, from_ingest, send
from tests.log import value_of, wait_for_records


SOON = 0.02
"""Minutes: a wait of 1.2 seconds."""


def fails_on(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, word: str) -> None:
    """Let a decision fail on whatever has this word in it."""
    decide = getattr(module, name)

    def decided(known: Any, record: Any, *rest: Any, **named: Any) -> Any:
        if word in repr((known, record)):
            raise ZeroDivisionError(word)
        return decide(known, record, *rest, **named)

    monkeypatch.setattr(module, name, decided)


@pytest.mark.parametrize(
    ("decision", "topic"),
    [
        pytest.param((streams.fan_out, "correlate"), Topic.ALERTS, id="an-alert"),
        pytest.param((streams.timer, "on_delay"), Topic.DELAYS, id="a-delay"),
    ],
)
async def test_a_record_on_which_we_fail_is_a_dead_letter_and_what_lies_behind_it_is_paged(
    decision: tuple[Any, str], topic: Topic, stack: Endpoints, topic_prefix: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It says that the mistake is ours, and does not quote the alert."""
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    fails_on(monkeypatch, *decision, "cursed")

    async with running(Streams(settings, tmp_path)):
        await send(settings, from_ingest(alert("cursed", oncall_wait_minutes=0)),
                   from_ingest(alert("fine", oncall_wait_minutes=0)))  # fmt: skip
        (trigger,) = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        (letter,) = await wait_for_records(settings, Topic.DEAD_LETTERS, 1)

    origin = origin_of(letter.headers)
    assert "fine" == value_of(trigger)["payload"]["title"]
    assert topic_name(topic_prefix, topic) == origin.topic
    assert "our own code fails on it (ZeroDivisionError)" in origin.reason
    assert "cursed" not in origin.reason


async def test_a_deadline_on_which_we_fail_holds_up_no_other_and_the_reconciler_pages_it(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In doubt, page."""
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1}, reconciler={"grace": "600ms"})
    await ensure_topics(settings.kafka)
    fails_on(monkeypatch, streams.timer, "on_due", "cursed")

    async with running(Streams(settings, tmp_path)):
        await send(settings, from_ingest(alert("cursed", oncall_wait_minutes=SOON)),
                   from_ingest(alert("fine", oncall_wait_minutes=SOON)))  # fmt: skip
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        async with running(Reconciler(settings)):
            triggers = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 2)
            log = await wait_for_records(settings, Topic.INCIDENT_LOG, 4)

    escalated = [entry["role"] for entry in map(value_of, log) if entry["what"] == "escalated"]
    assert ["fine", "cursed"] == [value_of(trigger)["payload"]["title"] for trigger in triggers]
    assert ["timer", "reconciler"] == escalated
