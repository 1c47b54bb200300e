"""What would have happened under other settings: what is known of it, and what nobody can know."""

from dataclasses import replace

import pytest

from audit.what_if.compare import Change, Kind
from audit.what_if.setup import Setup
from tests.audit_world import BEGIN, MINUTE, World
from tests.what_if_world import IN_FORCE, RULES, compared, with_policy


def kinds(world: World, after: Setup, before: Setup = IN_FORCE) -> list[Kind]:
    return [each.kind for each in compared(world, after, before).changes]


def only(world: World, after: Setup, before: Setup = IN_FORCE) -> Change:
    (change,) = compared(world, after, before).changes
    return change


def test_the_same_settings_make_no_difference() -> None:
    """Whatever has happened."""
    world = World()
    world.fire("disk")
    world.wait(5 * MINUTE)
    world.ack(world.fire("cpu"))

    report = compared(world, IN_FORCE)

    assert () == report.changes
    assert (2, 0, 0) == (report.incidents, report.left_out, report.unlike_record)
    assert (1, 1) == (report.pages.before, report.pages.after)


def test_a_page_that_nobody_acknowledges_comes_later() -> None:
    """By as much as the wait is longer, to the millisecond."""
    world = World()
    world.fire("disk")
    world.wait(20 * MINUTE)

    change = only(world, with_policy(wait_minutes=10))

    assert Kind.LATER is change.kind
    assert change.before
    assert change.after
    assert (BEGIN + 3 * MINUTE, BEGIN + 10 * MINUTE) == (change.before.at_ms, change.after.at_ms)


def test_an_ack_after_a_page_that_is_not_sent_by_then_is_unknown() -> None:
    """Perhaps it was the page that woke whoever gave it."""
    world = World()
    incident = world.fire("disk")
    world.wait(5 * MINUTE)
    world.ack(incident)

    report = compared(world, with_policy(wait_minutes=10))

    assert [Kind.UNKNOWN] == [each.kind for each in report.changes]
    assert "after a page" in report.changes[0].because
    assert (0, 1) == (report.pages.after, report.pages.unknown_after)


def test_an_ack_after_a_page_that_is_sent_by_then_is_known() -> None:
    """A minute later makes no difference to who acknowledges two minutes after it."""
    world = World()
    incident = world.fire("disk")
    world.wait(5 * MINUTE)
    world.ack(incident)

    assert [Kind.LATER] == kinds(world, with_policy(wait_minutes=4))


def test_what_makes_no_difference_is_known() -> None:
    """It was resolved before the later deadline, so nobody is paged with the doubtful ACK or without it."""
    world = World()
    incident = world.fire("disk")
    world.wait(5 * MINUTE)
    world.ack(incident)
    world.wait(MINUTE)
    world.resolve("disk")

    assert [Kind.FEWER] == kinds(world, with_policy(wait_minutes=10))


def test_an_ack_after_a_shorter_deadline_comes_too_late() -> None:
    """A page more, and it is known: until then everybody had been told the same."""
    world = World()
    incident = world.fire("disk")
    world.wait(2 * MINUTE)
    world.ack(incident)

    change = only(world, with_policy(wait_minutes=1))

    assert (Kind.MORE, True) == (change.kind, change.was_asked)
    assert "acknowledged by ann" in change.because


def test_an_end_between_the_deadlines_saves_a_page() -> None:
    """What the monitored system does is taken as it was."""
    world = World()
    world.fire("disk")
    world.wait(5 * MINUTE)
    world.resolve("disk")

    change = only(world, with_policy(wait_minutes=10))

    assert Kind.FEWER is change.kind
    assert change.because.startswith("resolved at ")


def test_an_alert_s_own_wait_stands() -> None:
    """The default is no concern of who names another."""
    world = World()
    world.fire("disk", oncall_wait_minutes=1)
    world.wait(20 * MINUTE)

    assert [] == kinds(world, with_policy(wait_minutes=10))


def test_on_call_that_is_switched_off_pages_nobody() -> None:
    """The ACKs that nobody would be asked for matter to nobody."""
    world = World()
    world.fire("disk")
    world.ack(world.fire("cpu"))
    world.wait(20 * MINUTE)

    change = only(world, with_policy(oncall=False))

    assert (Kind.FEWER, "nobody is on call for it") == (change.kind, change.because)


def test_a_page_that_nobody_could_have_acknowledged_says_so() -> None:
    """With on-call off nobody was asked, so nobody can be said to have let the deadline pass."""
    world = World()
    world.fire("disk", oncall_enable=False)
    world.fire("cpu")
    world.wait(20 * MINUTE)
    recorded_off = compared(world, IN_FORCE, with_policy(oncall=False))

    assert [(Kind.MORE, True)] == [(each.kind, each.was_asked) for each in recorded_off.changes]

    off = World(policy=replace(world.policy, oncall=False))
    off.fire("disk")
    off.wait(20 * MINUTE)
    change = only(off, IN_FORCE, with_policy(oncall=False))

    assert (Kind.MORE, False) == (change.kind, change.was_asked)


def test_an_ack_that_another_channel_would_be_asked_for_is_unknown() -> None:
    """Nobody knows who reads there."""
    world = World()
    world.ack(world.fire("disk"))
    world.wait(20 * MINUTE)
    elsewhere = replace(IN_FORCE, channel="C2")

    report = compared(world, elsewhere)

    assert [Kind.OTHER_CHANNEL, Kind.UNKNOWN] == [each.kind for each in report.changes]
    assert "another channel" in report.changes[1].because


def test_an_alert_s_own_channel_stands() -> None:
    """The ACK was given there, and would be."""
    world = World()
    world.ack(world.fire("disk", slack_channel_id="C9"))
    world.wait(20 * MINUTE)

    report = compared(world, replace(IN_FORCE, channel="C2"))

    assert ((), 0) == (report.changes, report.pages.unknown_after)


def test_an_ack_that_no_message_would_ask_for_is_unknown() -> None:
    """Without Slack there is no link to click."""
    world = World()
    world.ack(world.fire("disk"))
    world.wait(20 * MINUTE)

    report = compared(world, replace(IN_FORCE, rules=replace(RULES, tells_slack=False)))

    assert [Kind.NOT_TOLD, Kind.UNKNOWN] == [each.kind for each in report.changes]
    assert "no message" in report.changes[1].because


def test_a_refusal_by_a_channel_that_would_not_be_told_is_unknown() -> None:
    """The other one might have taken the message."""
    world = World()
    world.slack = False
    world.fire("disk")
    world.wait(20 * MINUTE)

    elsewhere = compared(world, replace(IN_FORCE, channel="C2"))
    nowhere = compared(world, replace(IN_FORCE, rules=replace(RULES, tells_slack=False)))

    assert [Kind.OTHER_CHANNEL, Kind.UNKNOWN] == [each.kind for each in elsewhere.changes]
    assert [Kind.NOT_TOLD, Kind.LATER] == [each.kind for each in nowhere.changes]


@pytest.mark.parametrize(
    ("keys", "key"), [({"default": "default"}, "default"), ({"default": "default", "infra": "new"}, "new")]
)
def test_a_page_that_goes_elsewhere_is_shown(keys: dict[str, str], key: str) -> None:
    """Through the default key where the named one is gone, or to another service under the same name."""
    world = World()
    world.fire("disk", pagerduty_other_routing_key="infra")
    world.wait(20 * MINUTE)
    names = () if "infra" not in keys else ("infra",)
    rules = replace(RULES, intake=replace(RULES.intake, key_names=names))

    change = only(world, replace(IN_FORCE, rules=rules, keys=keys))

    assert Kind.OTHER_KEY is change.kind
    assert change.before
    assert change.after
    assert ("infra", key) == (change.before.to, change.after.to)
