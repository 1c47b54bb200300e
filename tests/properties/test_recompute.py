"""Today's code decides what is recorded, whatever has happened; and what it decides otherwise is shown."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.recompute import QUIET_MS, Recomputation, Recomputed
from audit.record import LogRecord
from audit.refold_alerts import Rules
from streams.decide.intake import Intake
from streams.records import AlertEvent, Happening, PageReason
from streams.records.identity import incident_id, source_key
from streams.topics import Topic
from tests.audit_world import MINUTE, POLICY, PREFIX, World, changed
from tests.properties.stories import stories, told


INTAKE = Intake(secret=POLICY.secret, key_names=("infra",), max_wait_minutes=10_000)
RULES = Rules(policy=POLICY, intake=INTAKE, topic_prefix=PREFIX, new_rounds=True)


def recomputed(
    world: World, records: Sequence[LogRecord] | None = None, rules: Rules = RULES, quiet_ms: int = QUIET_MS
) -> Recomputed:
    recomputation = Recomputation(world.terms, rules, quiet_ms)
    for record in world.records if records is None else records:
        recomputation.add(record)
    return recomputation.report()


@given(stories)
@settings(max_examples=200, deadline=None)
def test_unchanged_code_decides_what_is_recorded(story: Sequence[Any]) -> None:
    """Not one difference, through rounds, refusals, repeats, deaths of workers and a Redis that is away."""
    world = told(story)

    report = recomputed(world)

    assert () == report.differences
    assert 0 == report.left_out


@given(stories, st.sampled_from([0, 1_000, 2 * MINUTE]))
@settings(max_examples=200, deadline=None)
def test_letting_go_of_what_is_quiet_changes_nothing(story: Sequence[Any], quiet_ms: int) -> None:
    """An incident that is heard of again goes on from where it stood."""
    world = told(story)

    report = recomputed(world, quiet_ms=quiet_ms)

    assert recomputed(world) == report


DECISIONS = {Topic.SLACK_NOTIFICATIONS, Topic.PAGERDUTY_EVENTS}


@given(stories, st.data())
@settings(max_examples=150, deadline=None)
def test_a_decision_that_was_changed_is_shown(story: Sequence[Any], data: st.DataObject) -> None:
    """Whatever it was that Slack or PagerDuty was told."""
    world = told(story)
    candidates = [number for number, each in enumerate(world.records) if each.topic in DECISIONS]
    if not candidates:
        return
    records, index = world.records, data.draw(st.sampled_from(candidates))
    tampered = [*records[:index], changed(records[index], incident_id="x-y"), *records[index + 1 :]]

    assert () != recomputed(world, tampered).differences


def test_a_changed_rule_shows_the_incidents_that_it_touches() -> None:
    """And no others: who named a wait of its own does not care about the default."""
    world = World()
    touched = world.fire("disk")
    world.fire("cpu", oncall_wait_minutes=1)
    world.wait(10 * MINUTE)
    longer = replace(RULES, policy=replace(POLICY, wait_minutes=5))

    report = recomputed(world, rules=longer)

    assert {touched} == {each.incident_id for each in report.differences}
    assert {"delay schedule: otherwise": 1, "opened: otherwise": 1, "slack post: otherwise": 1} == report.differing


def test_a_field_that_today_s_code_does_not_know_is_shown() -> None:
    """Whoever wrote it has decided something that today nobody decides."""
    world = World()
    world.fire("disk")
    world.wait(10 * MINUTE)
    told_in_slack = next(each for each in world.records if each.topic is Topic.SLACK_NOTIFICATIONS)
    records = [changed(each, colour="red") if each is told_in_slack else each for each in world.records]

    assert {"slack post: otherwise": 1} == recomputed(world, records).differing


def test_a_page_that_today_s_code_would_send_is_shown() -> None:
    """Its deadline has passed, and nothing is recorded of it."""
    world = World()
    incident = world.fire("disk")

    report = recomputed(world)

    assert [("paged: not recorded", incident)] == [(each.kind, each.incident_id) for each in report.differences]


def test_what_began_before_is_left_out() -> None:
    """Without its beginning nobody can say what had to be decided."""
    world = World()
    world.fire("disk")
    begin = world.now
    world.fire("disk", alerts=("b",))
    world.wait(10 * MINUTE)
    recomputation = Recomputation(replace(world.terms, from_ms=begin), RULES)
    for record in world.records:
        if record.timestamp_ms >= begin:
            recomputation.add(record)

    report = recomputation.report()

    assert ((), 1) == (report.differences, report.left_out)


def test_what_the_reconciler_has_paged_is_left_out() -> None:
    """It is no decision of the code that is compared."""
    world = World()
    incident = world.fire("disk")
    at = world.records[0]
    world._log(world.rows[incident], "reconciler", Happening.ESCALATED, at, round=1)

    report = recomputed(world)

    assert ((), 1) == (report.differences, report.left_out)


def test_a_refusal_that_overtakes_its_deadline_is_decided_alike() -> None:
    """It makes the deadline due when the deadline was read, and only the page tells when that was."""
    world = World()
    alert = AlertEvent(payload={"title": "disk"}, event_id="event", dedup_key="disk", received_ms=world.now)
    key = source_key(alert)
    incident = incident_id(POLICY.secret, key, alert.event_id)
    world.refuse(incident, "refusal")
    world.now += 500
    assert incident == world.deliver(alert)
    world.wait(MINUTE)

    assert [PageReason.SLACK_REJECTED] == [world.rows[incident].reason]
    assert () == recomputed(world).differences
