"""Figures: an independent calculation of them, and what they must not depend on."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.figures.report import FiguresOf, Report
from audit.record import LogRecord
from streams.topics import Topic
from tests.audit_world import World
from tests.properties.stories import stories, told
from tests.properties.test_what_if import Case, cases, recorded


def figures(records: Sequence[LogRecord]) -> Report:
    gathering = FiguresOf(0, 10**13 - 1)
    for record in records:
        gathering.add(record)
    return gathering.report()


@given(cases)
@settings(max_examples=200, deadline=None)
def test_the_figures_are_those_of_the_cases(all_cases: Sequence[Case]) -> None:
    """Worked out by hand: who acknowledged when, who was paged, and what nobody had to do anything about."""
    total = figures(recorded(all_cases).records).total

    acks = [each.ack for each in all_cases if each.ack and (each.resolved is None or each.ack <= each.resolved)]
    ends = [each.resolved for each in all_cases if each.resolved]
    paged = [each for each in all_cases if min(each.ack or 10**9, each.resolved or 10**9) > 180]
    assert (len(acks), len(ends), len(paged)) == (total.acknowledged, total.resolved, total.paged)
    unattended = [each for each in all_cases if each.resolved and (each.ack is None or each.resolved < each.ack)]
    assert len(unattended) == total.unattended
    if acks:
        # A record takes the world a millisecond or two.
        assert abs(sum(acks) / len(acks) * 1000 - (total.time_to_acknowledge.mean_ms or 0)) < 20
    if ends:
        assert abs(sum(ends) / len(ends) * 1000 - (total.time_to_resolve.mean_ms or 0)) < 20


@given(stories)
@settings(max_examples=150, deadline=None)
def test_groups_add_up(story: Sequence[Any]) -> None:
    """Every incident is in one team and one source, and every counted page is some incident's."""
    report = figures(told(story).records)

    for groups in (report.by_team.values(), report.by_source.values()):
        assert report.total.incidents == sum(each.incidents for each in groups)
        assert report.total.pages == sum(each.pages for each in groups)
    counted = sum(count for name, count in report.counted.items() if name.startswith("pages "))
    assert report.total.pages == counted == sum(report.by_hour.values())
    assert (
        report.total.incidents == report.counted.get("alerts opened", 0) == sum(b.incidents for b in report.over_time)
    )


@given(stories, st.data())
@settings(max_examples=150, deadline=None)
def test_it_matters_neither_how_topics_are_merged_nor_what_was_written_twice(
    story: Sequence[Any], data: st.DataObject
) -> None:
    """Clocks differ between machines, and workers die."""
    records = told(story).records
    apart = [each for topic in data.draw(st.permutations(list(Topic))) for each in records if each.topic is topic]
    log = [each for each in records if each.topic is Topic.INCIDENT_LOG]

    expected = figures(records)

    assert (expected.total, expected.by_team) == (figures(apart).total, figures(apart).by_team)
    assert (expected.total, expected.counted) == (figures([*records, *log]).total, figures([*records, *log]).counted)


def test_an_empty_world_has_no_rates() -> None:
    """A rate of nothing is none."""
    total = figures(World().records).total

    assert (0, None, None, None) == (total.incidents, total.ack_rate, total.noise, total.time_to_acknowledge.mean_ms)
