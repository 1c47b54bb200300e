"""Each way in which a promise can be broken, and what is none."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from audit.findings import Kind
from audit.record import LogRecord
from audit.report import Report
from audit.verify import Verification
from streams.records import AlertEvent
from streams.records.identity import foreign_event_id
from streams.topics import Topic
from tests.audit_world import MINUTE, POLICY, PREFIX, World, changed


def verified(world: World, records: Iterable[LogRecord] | None = None, **terms: Any) -> Report:
    """A day after the story, or as the terms say."""
    verification = Verification(replace(world.terms, **{"late_after_ms": MINUTE, **terms}))
    for record in world.records if records is None else records:
        verification.add(record)
    return verification.report()


def kinds(report: Report) -> set[str]:
    return {str(finding.kind) for finding in report.findings}


def says(record: LogRecord, *words: str) -> bool:
    return all(word.encode() in record.value for word in words)


def without(world: World, *words: str) -> list[LogRecord]:
    """The records, less those that say these words."""
    return [record for record in world.records if not says(record, *words)]


def with_change(world: World, words: Sequence[str], **fields: Any) -> list[LogRecord]:
    """The records, and in those that say these words other fields."""
    return [changed(record, **fields) if says(record, *words) else record for record in world.records]


@pytest.fixture
def paged() -> tuple[World, str]:
    """A pipeline with one incident that was paged, through a key of its own."""
    world = World()
    incident = world.fire("disk", pagerduty_other_routing_key="infra")
    world.wait(4 * MINUTE)
    return world, incident


def test_a_page_that_nobody_decided_is_lost(paged: tuple[World, str]) -> None:
    """Due, and neither paged nor acknowledged: it names the round, and where its deadline lies."""
    world, incident = paged
    left = [each for each in without(world, '"escalated"') if not says(each, '"trigger"')]

    (lost,) = [each for each in verified(world, left).findings if each.kind is Kind.LOST]

    assert (incident, 1) == (lost.incident_id, lost.round)
    assert ["incident-log 0:0", "delays 0:0"] == [str(place) for place in lost.evidence]


def test_a_page_without_a_receipt_is_undelivered(paged: tuple[World, str]) -> None:
    """It was decided, and nobody says that PagerDuty has taken it."""
    world, incident = paged

    report = verified(world, without(world, '"pagerduty_delivered"'))

    assert {(Kind.UNDELIVERED, incident), (Kind.MISSING, None)} == {(e.kind, e.incident_id) for e in report.findings}
    assert 1 == report.obligations["undelivered"]


def test_a_page_that_pagerduty_refused_is_lost() -> None:
    """It is a dead letter, and nobody was woken."""
    world = World()
    world.pagerduty = False
    incident = world.fire("disk")
    world.wait(4 * MINUTE)

    report = verified(world)

    assert [(Kind.LOST, incident)] == [(each.kind, each.incident_id) for each in report.findings]


Tampering = Callable[[World], list[LogRecord]]


@pytest.mark.parametrize(
    ("expected", "tamper"),
    [
        pytest.param(Kind.EARLY, lambda w: with_change(w, ['"trigger"', '"reason"'], at_ms=5), id="before-it-was-due"),
        pytest.param(Kind.EARLY, lambda w: with_change(w, ['"trigger"', '"reason"'], due_ms=5), id="for-no-deadline-of-its-own"),
        pytest.param(Kind.LATE, lambda w: _receipt_after(w, 61_000), id="delivered-late"),
        pytest.param(Kind.WRONG_KEY, lambda w: with_change(w, ['"trigger"', '"reason"'], routing_key_name="net"), id="decided"),
        pytest.param(Kind.WRONG_KEY, lambda w: _receipt_with(w, routing_key_name="net"), id="delivered"),
        pytest.param(Kind.DOUBLE, lambda w: _triggered_again(w, dedup_key="another"), id="as-another-incident"),
        pytest.param(Kind.UNOWED, lambda w: without(w, '"what":"opened"'), id="with-no-beginning"),
        pytest.param(Kind.UNDECIDED, lambda w: without(w, '"what":"opened"'), id="an-alert-without-a-decision"),
        pytest.param(Kind.UNTOLD, lambda w: without(w, '"slack_delivered"'), id="in-slack"),
        pytest.param(Kind.MISSING, lambda w: without(w, '"type":"schedule"'), id="a-deadline"),
        pytest.param(Kind.MISSING, lambda w: without(w, '"what":"escalated"'), id="a-decision"),
        pytest.param(Kind.MISSING, lambda w: w.records[1:], id="an-alert"),
        pytest.param(Kind.REPEATED, lambda w: [*w.records, w.records[3]], id="a-place"),
        pytest.param(Kind.CONTRADICTION, lambda w: with_change(w, ['"type":"schedule"'], due_ms=5), id="deadlines"),
        pytest.param(Kind.CONTRADICTION, lambda w: with_change(w, ['"type":"schedule"'], routing_key_name="net"), id="keys"),
        pytest.param(Kind.CONTRADICTION, lambda w: with_change(w, ['"what":"opened"'], source_key="x"), id="source-keys"),
    ],
)  # fmt: skip
def test_what_is_done_to_the_records_of_a_page(paged: tuple[World, str], expected: Kind, tamper: Tampering) -> None:
    """Is found, and called by its name."""
    world, _ = paged

    assert expected in kinds(verified(world, tamper(world)))


def _receipt_after(world: World, ms: int) -> list[LogRecord]:
    due = next(msgspec.json.decode(each.value)["due_ms"] for each in world.records if says(each, '"type":"schedule"'))
    return with_change(world, ['"pagerduty_delivered"'], at_ms=due + ms)


def _receipt_with(world: World, **detail: Any) -> list[LogRecord]:
    return with_change(world, ['"pagerduty_delivered"'], detail={"action": "trigger", "round": 1, **detail})


def _triggered_again(world: World, **fields: Any) -> list[LogRecord]:
    trigger = next(each for each in world.records if says(each, '"type":"trigger"'))
    again = msgspec.structs.replace(changed(trigger, **fields), offset=trigger.offset + 1)
    return [*world.records, again]


def test_an_ack_in_kafka_before_the_page_makes_it_acked_but_paged() -> None:
    """Whoever was told "acknowledged" is not paged."""
    world = World()
    incident = world.fire("disk")
    world.redis = False
    world.wait(4 * MINUTE)
    early = replace(world.terms)
    world.now -= MINUTE + 30_000  # half a minute before the deadline
    world.ack(incident)

    report = verified(world, as_of_ms=early.as_of_ms)

    assert {"acked_but_paged"} == kinds(report)


def test_an_ack_that_comes_after_the_page_breaks_nothing() -> None:
    """PagerDuty hears of it, and the obligation has ended as paged."""
    world = World()
    incident = world.fire("disk")
    world.wait(4 * MINUTE)
    world.ack(incident)

    report = verified(world)

    assert () == report.findings
    assert 1 == report.obligations["paged"]


def test_an_ack_that_ends_two_rounds_has_lost_the_second_page() -> None:
    """Nobody had seen the alerts that came after it."""
    world = World()
    incident = world.fire("disk")
    world.ack(incident)
    world.wait(MINUTE)
    world.fire("disk", alerts=("b",))
    world.ack(incident)
    assert () == verified(world).findings
    (first, second) = [each for each in world.records if says(each, '"acknowledged"', '"cause"')]

    read_again = with_change(
        world, ['"acknowledged"', '"cause"', '"round":2'], cause=msgspec.json.decode(first.value)["cause"]
    )

    (lost,) = [each for each in verified(world, read_again).findings if each.kind is Kind.LOST]
    assert (incident, 2) == (lost.incident_id, lost.round)
    assert second.offset in {place.offset for place in lost.evidence}


def test_a_page_that_ended_by_resolve_is_double() -> None:
    """One obligation, two endings."""
    world = World()
    incident = world.fire("disk")
    world.now += 3 * MINUTE
    world.page(incident, dies=True)
    world.resolve("disk")

    assert {"double"} == kinds(verified(world))


def test_what_was_due_long_before_it_ended_is_late() -> None:
    """Nobody was paged, though a page was due for a quarter of an hour before the ACK."""
    world = World()
    incident = world.fire("disk")
    world.now += 18 * MINUTE
    world.ack(incident)

    report = verified(world)

    assert {"late"} == kinds(report)
    assert 1 == report.obligations["acked"]


def test_what_is_due_within_the_margin_is_not_yet_due() -> None:
    """A live system is always in the middle of something: neither lost nor well."""
    world = World()
    world.fire("disk")
    due_ms = world.now + 3 * MINUTE

    before = verified(world, as_of_ms=due_ms)
    after = verified(world, as_of_ms=due_ms + 60_001)

    assert (1, ()) == (before.obligations["not_yet_due"], before.findings)
    assert {"lost"} == kinds(after)


def test_what_began_before_the_window_is_not_judged() -> None:
    """Its beginning is not among the records, and so nothing is missing."""
    world = World()
    world.fire("disk")
    begin = world.now + MINUTE
    world.wait(10 * MINUTE)
    later = [each for each in world.records if each.timestamp_ms >= begin]

    report = verified(world, later, from_ms=begin)

    assert () == report.findings
    assert 0 == sum(report.obligations.values())


def test_added_alerts_that_begin_no_round_are_lost_unless_a_setting_says_so() -> None:
    """`oncall.new_rounds: false` is a rule; without it they are owed a page."""
    world = World()
    incident = world.fire("disk")
    world.ack(incident)
    world.wait(MINUTE)
    world.fire("disk", alerts=("b",))
    world.wait(4 * MINUTE)
    one_round = [
        each for each in world.records if not says(each, '"round":2') and each.topic is not Topic.PAGERDUTY_EVENTS
    ]
    one_round = [
        each for each in one_round if not says(each, '"pagerduty_delivered"') and not says(each, ":escalated:2")
    ]

    assert "lost" in kinds(verified(world, one_round))
    ruled = verified(world, one_round, new_rounds=False)
    assert "lost" not in kinds(ruled)
    assert 1 == ruled.suppressed["new_rounds_off"]


def moved_alert(world: World) -> tuple[LogRecord, str]:
    """An alert of a producer that knows of no source keys, and the event id that it is given."""
    event = foreign_event_id(POLICY.secret, f"{PREFIX}alerts", 0, 0)
    return world._write(Topic.ALERTS, "mine", b'{"payload": {"title": "disk"}}'), event


def test_an_alert_that_was_moved_to_its_key_is_followed() -> None:
    """The alert under its source key is the one that owes a page."""
    world = World()
    _, event = moved_alert(world)
    world.deliver(AlertEvent(payload={"title": "disk"}, event_id=event, received_ms=world.now))
    world.wait(4 * MINUTE)

    report = verified(world)

    assert () == report.findings
    assert (1, 1) == (report.alerts["moved"], report.obligations["paged"])


def test_an_alert_that_was_to_be_moved_and_was_not_is_undecided() -> None:
    """It is nowhere else."""
    world = World()
    moved_alert(world)

    assert {"undecided"} == kinds(verified(world))


def test_a_dead_letter_explains_what_nobody_can_read() -> None:
    """Wherever it lies; and without it the record is undecided."""
    world = World(partitions=3)
    world.junk(Topic.ALERTS)
    world.junk(Topic.ACKS)

    assert () == verified(world).findings
    unburied = [each for each in world.records if each.topic is not Topic.DEAD_LETTERS]
    assert [Kind.UNDECIDED, Kind.UNDECIDED] == [each.kind for each in verified(world, unburied).findings]


def test_lateness_is_told_as_its_distribution() -> None:
    """From the deadline to the decision, and to PagerDuty's receipt."""
    world = World()
    for number in range(100):
        world.fire(f"disk {number}")
    world.wait(10 * MINUTE)

    report = verified(world, late_after_ms=10**9)

    assert 100 == report.decided.count == report.delivered.count
    assert report.decided.p50_ms is not None
    assert report.decided.p99_ms is not None
    assert report.decided.worst_ms is not None
    assert 100 <= report.decided.p50_ms <= report.decided.p99_ms <= report.decided.worst_ms


def test_a_report_is_the_same_bytes_each_time(paged: tuple[World, str]) -> None:
    """So that two runs can be compared, and a report kept."""
    world, _ = paged
    tampered = without(world, '"slack_delivered"')

    assert verified(world, tampered).as_json() == verified(world, tampered).as_json()


def test_an_empty_log_is_clean() -> None:
    """Nothing was promised."""
    assert () == verified(World(), []).findings
