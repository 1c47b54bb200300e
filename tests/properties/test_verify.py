"""Whatever happens to a pipeline, its ledger is clean; and whatever is done to its records afterwards is seen."""

import random

from collections.abc import Sequence
from typing import Any

import msgspec

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.findings import Finding
from audit.record import LogRecord, Span, Spans
from audit.report import Report
from audit.verify import Verification
from streams.topics import Topic
from tests.audit_world import World, changed
from tests.properties.stories import stories, told


def verified(world: World, records: Sequence[LogRecord], spans: Spans | None = None) -> Report:
    verification = Verification(world.terms, spans)
    for record in records:
        verification.add(record)
    return verification.report()


def spans_of(world: World) -> Spans:
    return {place: Span(0, len(log)) for place, log in world.logs.items() if place[0] is not Topic.TICKS}


def speaks_of(finding: Finding, record: LogRecord) -> bool:
    """Whether a finding names the problem that a record is about, or at least its place."""
    key = (record.key or b"?").decode()
    is_named = (finding.incident_id or "").startswith(key) or finding.source_key == key
    return is_named or (record.topic, record.partition, record.offset) in {
        (place.topic, place.partition, place.offset) for place in finding.evidence
    }


@given(stories)
@settings(max_examples=150, deadline=None)
def test_every_story_verifies_clean(story: Sequence[Any]) -> None:
    """ACKs, rounds, refusals, repeats, deaths of workers: nothing that the pipeline does is a broken promise."""
    world = told(story)

    report = verified(world, world.records, spans_of(world))

    assert () == report.findings
    assert 0 == report.obligations["lost"]


@given(stories, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_topics_and_partitions_does_not_matter(story: Sequence[Any], dice: random.Random) -> None:
    """By time, as from Kafka, or topic by topic, as from a file: the same report, byte for byte."""
    world = told(story)
    logs = list(world.logs.values())
    dice.shuffle(logs)
    by_topic = [record for log in logs for record in log]

    assert verified(world, world.records).as_json() == verified(
        world, [each for each in by_topic if each.topic is not Topic.TICKS]
    ).as_json()  # fmt: skip


@given(stories, st.data())
@settings(max_examples=150, deadline=None)
def test_a_record_that_is_taken_out_is_missed(story: Sequence[Any], data: st.DataObject) -> None:
    """Of any topic: a finding names its incident, or where it lay."""
    world = told(story)
    records = world.records
    if not records:
        return
    index = data.draw(st.integers(0, len(records) - 1))

    findings = verified(world, records[:index] + records[index + 1 :], spans_of(world)).findings

    assert [] != [each for each in findings if speaks_of(each, records[index])]


@given(stories, st.data())
@settings(max_examples=100, deadline=None)
def test_a_record_that_is_put_in_twice_is_seen(story: Sequence[Any], data: st.DataObject) -> None:
    """Of any topic, wherever the second one is put."""
    world = told(story)
    records = world.records
    if not records:
        return
    index, other = data.draw(st.integers(0, len(records) - 1)), data.draw(st.integers(0, len(records)))

    findings = verified(world, [*records[:other], records[index], *records[other:]], spans_of(world)).findings

    assert [] != [each for each in findings if speaks_of(each, records[index])]


CHANGES: dict[Topic, list[dict[str, Any]]] = {
    Topic.ALERTS: [{"dedup_key": "another"}],
    Topic.DELAYS: [{"incident_id": "another"}, {"due_ms": 1}, {"due_ms": 1_800_000_000_000}],
    Topic.PAGERDUTY_EVENTS: [
        {"incident_id": "another"}, {"round": 7}, {"due_ms": 1}, {"due_ms": 1_800_000_000_000}, {"at_ms": 1},
        {"routing_key_name": "another"}, {"dedup_key": "another"},
    ],
    Topic.INCIDENT_LOG: [{"incident_id": "another"}, {"source_key": "another"}, {"cause": {"topic": "ackline.alerts", "partition": 0, "offset": 999}}],
    Topic.SLACK_NOTIFICATIONS: [{"incident_id": "another"}],
}  # fmt: skip
CHANGED = [(topic, change) for topic, changes in CHANGES.items() for change in changes]


@given(stories, st.sampled_from(CHANGED), st.data())
@settings(max_examples=300, deadline=None)
def test_a_record_that_is_changed_is_seen(
    story: Sequence[Any], how: tuple[Topic, dict[str, Any]], data: st.DataObject
) -> None:
    """Where it is about another incident, another time or another key than what goes with it."""
    topic, change = how
    world = told(story)
    records = world.records
    candidates = [number for number, each in enumerate(records) if _can_be_changed(each, topic, change)]
    if not candidates:
        return
    index = data.draw(st.sampled_from(candidates))
    tampered = [*records[:index], changed(records[index], **change), *records[index + 1 :]]

    assert () != verified(world, tampered, spans_of(world)).findings


def _can_be_changed(record: LogRecord, topic: Topic, change: dict[str, Any]) -> bool:
    if record.topic is not topic:
        return False
    try:
        value = msgspec.json.decode(record.value)
    except msgspec.DecodeError:
        return False
    if "at_ms" in change and value.get("type") != "trigger":
        return False  # when PagerDuty was told of an end, nothing else says
    return isinstance(value, dict) and all(name in value or name == "routing_key_name" for name in change)
