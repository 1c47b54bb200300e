"""How a team fares: what is counted, under whom, and what a record that comes twice does to it."""

import json

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from ackline.figures_text import told
from audit.figures.html import page_of
from audit.figures.report import Bucket, FiguresOf, Report, times_of
from audit.record import LogRecord
from streams.topics import Topic
from tests.audit_world import BEGIN, MINUTE, World
from tests.pages import Tags


def figures(records: Iterable[LogRecord], from_ms: int = 0, to_ms: int = 10**13 - 1) -> Report:
    gathering = FiguresOf(from_ms, to_ms)
    for record in records:
        gathering.add(record)
    return gathering.report()


def a_world() -> World:
    """Four incidents: acknowledged after a minute, paged and acknowledged, over by itself, and without on-call."""
    world = World()
    incident = world.fire("disk", labels={"team": "storage"}, source="prometheus")
    world.wait(MINUTE)
    world.fire("disk", source="prometheus")  # a repeat
    world.ack(incident)
    incident = world.fire("cpu", labels={"team": "<b>web</b>"}, source="prometheus")
    world.wait(5 * MINUTE)
    world.ack(incident)
    world.fire("net", labels={"team": "<b>web</b>"})
    world.wait(2 * MINUTE)
    world.resolve("net")
    world.fire("told", oncall_enable=False)
    world.wait(10 * MINUTE)
    return world


def test_rates_are_of_those_with_on_call() -> None:
    """Nobody is asked to acknowledge the others."""
    total = figures(a_world().records).total

    assert (4, 3) == (total.incidents, total.oncall)
    assert (2, 1, 1, 1) == (total.acknowledged, total.acknowledged_in_time, total.paged, total.pages)
    assert (0.6667, 0.3333, 0.3333) == (total.ack_rate, total.escalation_rate, total.noise)
    assert (1, 6, 0.1667) == (total.repeats, total.alerts, total.repeat_rate)


def test_times_are_from_the_opening() -> None:
    """To the first ACK, and to the end; an ACK after the page counts, and a second one does not."""
    world = a_world()
    world.ack(next(iter(world.rows)))

    total = figures(world.records).total

    # A record takes the world a millisecond.
    assert total.time_to_acknowledge.mean_ms == pytest.approx(3 * MINUTE, abs=20)
    assert total.time_to_acknowledge.worst_ms == pytest.approx(5 * MINUTE, abs=20)
    assert (1, pytest.approx(2 * MINUTE, abs=20)) == (total.time_to_resolve.count, total.time_to_resolve.mean_ms)


def test_the_first_ack_is_the_one_that_counts() -> None:
    """A later round's has its own deadline, and the incident had been taken by then."""
    world = World()
    incident = world.fire("disk")
    world.wait(MINUTE)
    world.ack(incident)
    world.wait(MINUTE)
    world.fire("disk", alerts=("b",))
    world.wait(5 * MINUTE)
    world.ack(incident)

    total = figures(world.records).total

    assert (1, 1, 1) == (total.acknowledged, total.acknowledged_in_time, total.time_to_acknowledge.count)
    assert total.time_to_acknowledge.worst_ms == pytest.approx(MINUTE, abs=20)


def test_each_is_counted_under_its_source_and_its_team() -> None:
    """As its alert names them; who names none is told apart from all others."""
    report = figures(a_world().records)

    assert {"storage": 1, "<b>web</b>": 2, "(none)": 1} == {
        name: each.incidents for name, each in report.by_team.items()
    }
    assert {"prometheus": 2, "(none)": 2} == {name: each.incidents for name, each in report.by_source.items()}
    assert 0.5 == report.by_team["<b>web</b>"].escalation_rate


def test_an_alertmanager_without_a_source_is_known_by_its_receiver() -> None:
    """Which is what its own configuration calls this way in."""
    world = World()
    body = {
        "version": "4",
        "groupKey": "g",
        "receiver": "team-x",
        "status": "firing",
        "alerts": [{"labels": {"team": "x"}}],
    }
    record = world._write(Topic.ALERTS, "k", msgspec.json.encode(body))
    incident = world.fire("disk")
    entry = next(each for each in world.records if b'"what":"opened"' in each.value)
    value = json.loads(entry.value)
    value["cause"]["offset"] = record.offset
    opened = msgspec.structs.replace(entry, value=json.dumps(value).encode())

    report = figures([record, opened])

    assert incident
    assert (["team-x"], ["x"]) == (list(report.by_source), list(report.by_team))


def test_what_happened_is_counted_as_the_metrics_count_it() -> None:
    """Alerts by what was decided, pages by reason, ACKs by claim, deliveries by kind."""
    counted = figures(a_world().records).counted

    expected = {
        "acks already_escalated": 1,
        "acks won": 1,
        "alerts opened": 4,
        "alerts repeated": 1,
        "alerts resolved": 1,
        "delivered pagerduty acknowledge": 1,
        "delivered pagerduty trigger": 1,
        "pages deadline_passed": 1,
    }
    assert expected == {name: count for name, count in counted.items() if "slack" not in name}


def test_what_is_written_again_after_a_crash_counts_once() -> None:
    """A page that was decided anew is the same page."""
    world = World()
    incident = world.fire("disk")
    world.now += 3 * MINUTE
    world.page(incident, dies=True)
    world.now += 5_000
    world.page(incident)

    report = figures(world.records)

    assert (1, 1, 1) == (report.total.pages, report.counted["pages deadline_passed"], report.lateness_decided.count)


def test_only_what_was_opened_in_the_time_is_told_of() -> None:
    """A later page of an earlier incident is counted, and changes nobody's rate."""
    world = World()
    world.fire("disk")
    begin = world.now + MINUTE
    world.wait(10 * MINUTE)

    report = figures(world.records, from_ms=begin)

    assert (0, None) == (report.total.incidents, report.total.escalation_rate)
    assert 1 == report.counted["pages deadline_passed"]


def test_what_nobody_can_read_is_passed_over() -> None:
    """In every topic that is read."""
    world = a_world()
    before = figures(world.records)
    for topic in (Topic.ALERTS, Topic.ACKS, Topic.INCIDENT_LOG):
        world.junk(topic)

    assert before.total == figures(world.records).total


def test_percentiles_are_of_what_there_is() -> None:
    """No shorter than half of them, and than nine in ten; and nothing of nothing."""
    times = times_of([*range(1, 11)][::-1])

    assert (10, 6, 5, 9, 10) == (times.count, times.mean_ms, times.p50_ms, times.p90_ms, times.worst_ms)
    assert None is times_of([]).mean_ms


def test_over_time_leaves_no_gap() -> None:
    """Where nothing happened there is a piece with nothing in it."""
    world = World()
    world.fire("disk")
    world.wait(20 * MINUTE)
    world.fire("cpu")
    world.wait(MINUTE)

    buckets = figures(world.records).over_time

    first = BEGIN - BEGIN % (5 * MINUTE)
    assert Bucket(first, 1, 1) == buckets[0]
    assert [first + number * 5 * MINUTE for number in range(5)] == [each.from_ms for each in buckets]
    assert [1, 0, 0, 0, 1] == [each.incidents for each in buckets]


def test_a_page_asks_nothing_of_anybody() -> None:
    """No script, no address, whatever a team is called; and the plots are in it."""
    tags = Tags(page_of(figures(a_world().records)))

    assert [] == tags.addresses
    assert {"script", "link", "img", "b"}.isdisjoint(tags.tags)
    assert 5 == tags.tags.count("svg")


@pytest.mark.parametrize("records", [[], a_world().records])
def test_words_and_json_say_the_same(records: list[LogRecord]) -> None:
    """Also of nothing; and JSON has the definitions that it goes by."""
    report = figures(records)
    written: dict[str, Any] = json.loads(report.as_json())
    lines = "\n".join(told(report))

    assert written["definitions"] == 1
    assert set(written["total"]) >= {"ack_rate", "escalation_rate", "noise", "time_to_acknowledge", "time_to_resolve"}
    assert [] == [name for name in written["by_team"] if f"team {name}" not in lines]
    assert [] == [name for name, count in written["counted"].items() if f"{count:>10,}  {name}" not in lines]
