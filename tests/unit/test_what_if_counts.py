"""What-if: which incidents and pages are held against each other, which are left out, and how they are counted."""

from dataclasses import replace
from typing import Any

import pytest

from audit.what_if.compare import Change, Kind
from audit.what_if.comparison import Report, WhatIf
from audit.what_if.setup import Setup
from tests.audit_world import BEGIN, MINUTE, World
from tests.what_if_world import IN_FORCE, RULES, compared, with_policy


def since(world: World, from_ms: int, after: Setup) -> Report:
    """The comparison of what was opened from then on; earlier records are there."""
    what_if = WhatIf(IN_FORCE, after, from_ms=from_ms, to_ms=world.now + 24 * 60 * MINUTE)
    for record in world.records:
        what_if.add(record)
    return what_if.report()


CRITICAL: dict[str, Any] = {"labels": {"severity": "critical", "team": "storage"}}


def only(world: World, after: Setup, before: Setup = IN_FORCE) -> Change:
    (change,) = compared(world, after, before).changes
    return change


def test_a_longer_silence_makes_one_incident_of_two() -> None:
    """The second one's page is gone, and its ACK was given to a message that would not have been sent."""
    world = World()
    world.fire("disk")
    world.wait(6 * 60 * MINUTE)
    world.fire("disk")
    world.wait(20 * MINUTE)

    report = compared(world, with_policy(quiet_after_ms=24 * 60 * MINUTE))

    assert [Kind.NOT_TOLD, Kind.FEWER] == [each.kind for each in report.changes]
    assert "its alert opens no incident of its own" == report.changes[1].because


@pytest.mark.parametrize("quiet", [(5, 24), (24, 5)])
def test_a_page_that_another_incident_sends_is_not_missing(quiet: tuple[int, int]) -> None:
    """One incident of two, or two of one: new alerts page at the same time, as a round or as an incident of their own."""
    in_force, changed = (with_policy(quiet_after_ms=hours * 60 * MINUTE) for hours in quiet)
    world = World(policy=in_force.rules.policy)
    world.fire("disk", **CRITICAL)
    world.wait(6 * 60 * MINUTE)
    world.fire("disk", alerts=("b",), **CRITICAL)
    world.wait(20 * MINUTE)

    report = compared(world, changed, in_force)

    assert [Kind.NOT_TOLD if quiet[0] < quiet[1] else Kind.NEWLY_TOLD] == [each.kind for each in report.changes]
    assert (2, 2, 0) == (report.pages.before, report.pages.after, report.missing_critical)


def test_an_ack_of_an_incident_that_is_no_more_is_unknown() -> None:
    """Its alert belongs to a longer incident, whose page it might have prevented."""
    world = World()
    world.fire("disk", oncall_wait_minutes=7 * 60)
    world.wait(6 * 60 * MINUTE)
    world.ack(world.fire("disk"))
    world.wait(5 * 60 * MINUTE)

    report = compared(world, with_policy(quiet_after_ms=24 * 60 * MINUTE))

    assert [Kind.UNKNOWN, Kind.NOT_TOLD] == [each.kind for each in report.changes]
    assert "no incident of its own" in report.changes[0].because


def test_without_new_rounds_added_alerts_page_nobody_again() -> None:
    """The second time that somebody would be woken for the incident is gone."""
    world = World()
    world.fire("disk")
    world.wait(5 * MINUTE)
    world.fire("disk", alerts=("b",))
    world.wait(20 * MINUTE)

    change = only(world, replace(IN_FORCE, rules=replace(RULES, new_rounds=False)))

    assert (Kind.FEWER, 2, "the alerts that were added to it begin no round") == (
        change.kind,
        change.number,
        change.because,
    )


def test_what_is_not_over_is_not_compared() -> None:
    """A deadline that is still ahead is no page that is missing."""
    world = World()
    world.fire("disk")
    world.wait(5 * MINUTE)

    report = compared(world, with_policy(wait_minutes=10), to_ms=world.now)

    assert ((), 1, 0) == (report.changes, report.not_over, report.incidents)


def test_what_began_before_is_left_out() -> None:
    """Without its beginning nobody can say what it would have come to."""
    world = World()
    world.fire("disk")
    world.wait(MINUTE)
    begin = world.now
    world.fire("disk", alerts=("b",))
    world.wait(20 * MINUTE)

    report = compared([each for each in world.records if each.timestamp_ms >= begin], with_policy(wait_minutes=10))

    assert ((), 1, 0) == (report.changes, report.left_out, report.incidents)


def test_a_critical_page_that_is_gone_is_counted() -> None:
    """Only where it is known to be gone, and only a critical one."""
    world = World()
    world.fire("disk", **CRITICAL)
    world.fire("cpu")
    world.wait(20 * MINUTE)

    gone = compared(world, with_policy(oncall=False))

    assert (1, 2) == (gone.missing_critical, gone.changes_by_kind[Kind.FEWER])
    assert 0 == compared(world, with_policy(wait_minutes=10)).missing_critical


def test_pages_are_counted_by_team_key_and_hour() -> None:
    """On both sides; an hour is one of the day, in UTC."""
    world = World()
    world.fire("disk", **CRITICAL)
    world.fire("cpu", pagerduty_other_routing_key="infra", oncall_wait_minutes=0)
    world.wait(20 * MINUTE)

    report = compared(world, with_policy(oncall=False))

    sides = {name: (tally.before, tally.after) for name, tally in {**report.by_team, **report.by_key}.items()}
    assert {"storage": (1, 0), "(none)": (1, 0), "default": (1, 0), "infra": (1, 0)} == sides
    assert {"22": 2} == {hour: tally.before for hour, tally in report.by_hour.items() if tally.before}


def test_other_secrets_change_no_identity() -> None:
    """New tokens make new ids, which is no difference to anybody."""
    world = World()
    world.ack(world.fire("disk"))
    world.wait(20 * MINUTE)

    report = compared(world, with_policy(secret=b"t" * 32), with_policy(secret=b"u" * 32))

    assert ((), 1) == (report.changes, report.incidents)


def test_an_incident_that_was_paged_otherwise_than_the_settings_say_is_counted() -> None:
    """The record was made with other settings, and the comparison says that it is no record of these."""
    world = World()
    world.ack(world.fire("disk"))
    world.wait(20 * MINUTE)
    world.fire("cpu")
    world.wait(20 * MINUTE)

    report = compared(world, IN_FORCE, with_policy(oncall=False))

    assert 1 == report.unlike_record


def test_what_was_opened_before_is_there_and_not_compared() -> None:
    """It tells what was open when the time begins: alerts of an incident that is known open no other."""
    world = World()
    world.fire("disk")
    world.wait(5 * MINUTE)
    begin = world.now
    world.fire("disk")
    world.fire("cpu")
    world.wait(20 * MINUTE)

    report = since(world, begin, with_policy(wait_minutes=10))

    assert (1, 0, [Kind.LATER]) == (report.incidents, report.left_out, [each.kind for each in report.changes])
    assert "cpu" == report.changes[0].title


def test_the_timer_gets_deadlines_in_the_order_of_the_alerts() -> None:
    """Whatever their senders' clocks say: the first alert's key is the incident's."""
    world = World()
    world.fire("disk", pagerduty_other_routing_key="infra")
    world.wait(MINUTE)
    world.fire("disk", alerts=("b",), received_ms=BEGIN - MINUTE)
    world.wait(20 * MINUTE)

    assert ["infra"] == list(compared(world, IN_FORCE).by_key)
