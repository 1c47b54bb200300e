"""What must be true of every comparison, whatever has happened; and an independent calculation of one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.what_if.compare import Kind
from audit.what_if.setup import Setup
from tests.audit_world import MINUTE, World
from tests.properties.stories import stories, told
from tests.what_if_world import IN_FORCE, RULES, compared, with_policy


SETUPS = (
    with_policy(wait_minutes=1),
    with_policy(wait_minutes=10),
    with_policy(oncall=False),
    with_policy(quiet_after_ms=MINUTE),
    replace(IN_FORCE, channel="C2"),
    replace(IN_FORCE, rules=replace(RULES, tells_slack=False)),
    replace(IN_FORCE, rules=replace(RULES, new_rounds=False)),
    replace(IN_FORCE, keys={"default": "default"}),
)
setups = st.sampled_from(SETUPS)


@given(stories, setups)
@settings(max_examples=200, deadline=None)
def test_the_same_settings_make_no_difference(story: Sequence[Any], setup: Setup) -> None:
    """Also where they are others than those that were in force, and much is unknown."""
    report = compared(told(story), setup, setup)

    assert () == report.changes
    assert report.pages.before == report.pages.after


@given(stories)
@settings(max_examples=200, deadline=None)
def test_the_settings_in_force_page_whom_they_have_paged(story: Sequence[Any]) -> None:
    """Where the day had no lateness, virtual time decides what was decided: the same number of pages for each incident, none of them unknown."""
    # A worker is there all the time, and no ACK comes before the tick that is due: virtual time knows no lateness.
    alive = [each for each in story if each[0] not in {"sleep", "stumble"}]
    in_time = [step for each in alive for step in (each, ("wait", 200))]

    report = compared(told(in_time), IN_FORCE)

    assert (0, 0) == (report.unlike_record, report.pages.unknown_before)


# Where the channel was that is recorded without a name is told by the settings in force: the first of the two.
of_one_channel = st.sampled_from([each for each in SETUPS if each.channel == "C1"])


@given(stories, of_one_channel, of_one_channel)
@settings(max_examples=200, deadline=None)
def test_there_and_back_again(story: Sequence[Any], one: Setup, other: Setup) -> None:
    """What is a page more in one direction is one fewer in the other, and what is unknown is so both ways."""
    world = told(story)
    there, back = compared(world, one, other), compared(world, other, one)

    opposite = {Kind.FEWER: Kind.MORE, Kind.LATER: Kind.EARLIER, Kind.NOT_TOLD: Kind.NEWLY_TOLD}
    opposite |= {value: key for key, value in opposite.items()}
    turned = sorted((opposite.get(each.kind, each.kind), each.opened_ms, each.number) for each in back.changes)
    assert sorted((each.kind, each.opened_ms, each.number) for each in there.changes) == turned
    assert there.as_json() == compared(world, one, other).as_json()


@given(stories, setups)
@settings(max_examples=200, deadline=None)
def test_every_page_is_accounted_for(story: Sequence[Any], setup: Setup) -> None:
    """Pages before, less those that are gone or unknown, plus those that are new, are the pages after."""
    report = compared(told(story), setup)
    kinds, pages = report.changes_by_kind, report.pages

    assert pages.before - kinds[Kind.FEWER] + kinds[Kind.MORE] <= pages.after + kinds[Kind.UNKNOWN]
    assert pages.after - kinds[Kind.MORE] + kinds[Kind.FEWER] <= pages.before + kinds[Kind.UNKNOWN]
    assert pages.before == sum(tally.before for tally in report.by_hour.values())
    assert pages.after == sum(tally.after for tally in report.by_team.values())


class Case(NamedTuple):
    """One incident, by its own clock in seconds: when it was acknowledged and when resolved, if it was."""

    ack: int | None
    resolved: int | None


# Never just on a deadline, where it is a matter of the tick who is first.
moments = st.none() | st.integers(1, 15 * 60).filter(lambda second: second % 60 != 0)
cases = st.lists(st.builds(Case, moments, moments), min_size=1, max_size=8)


def recorded(all_cases: Sequence[Case], setup: Setup = IN_FORCE) -> World:
    """They happen one after the other, under these settings."""
    world = World(policy=setup.rules.policy)
    for number, case in enumerate(all_cases):
        begin = world.now
        incident = world.fire(f"problem {number}")
        happens = sorted((second, what) for what, second in case._asdict().items() if second is not None)
        for second, what in happens:
            world.wait(begin + second * 1000 - world.now)
            if what == "ack":
                world.ack(incident)
            else:
                world.resolve(f"problem {number}")
        world.wait(30 * MINUTE)
    return world


def expected(case: Case) -> Kind | None:
    """Three minutes to ten, by hand."""
    ack, resolved = case.ack or 10**9, case.resolved or 10**9
    if min(ack, resolved) < 180:
        return None  # nobody was paged, and nobody would be
    if resolved < 600:
        return Kind.FEWER  # with an ACK or without one
    # Between the deadlines, and so after the page of the shorter one.
    return Kind.UNKNOWN if ack < 600 else Kind.LATER


@given(cases)
@settings(max_examples=300, deadline=None)
def test_a_longer_wait_changes_what_happened_between_the_deadlines(all_cases: Sequence[Case]) -> None:
    """Every page that would be gone, or may be, has an ACK or an end between the two deadlines; all others are later."""
    world = recorded(all_cases)

    report = compared(world, with_policy(wait_minutes=10))

    assert [kind for case in all_cases if (kind := expected(case))] == [each.kind for each in report.changes]


@given(cases)
@settings(max_examples=300, deadline=None)
def test_a_shorter_wait_pages_for_acks_that_came_after_it(all_cases: Sequence[Case]) -> None:
    """Ten minutes in force, three tried out: nothing is unknown, since until the earlier page all had been told the same."""
    longer = with_policy(wait_minutes=10)

    report = compared(recorded(all_cases, longer), IN_FORCE, longer)

    turned = {Kind.FEWER: Kind.MORE, Kind.UNKNOWN: Kind.MORE, Kind.LATER: Kind.EARLIER}
    assert [turned[kind] for case in all_cases if (kind := expected(case))] == [each.kind for each in report.changes]
