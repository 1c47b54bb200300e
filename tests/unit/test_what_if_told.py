"""A what-if as it is told: in words, as a page that is safe to open, and without a secret."""

import re

from dataclasses import replace
from typing import Any

import pytest

from ackline.what_if_command import setups_of
from ackline.what_if_text import told
from audit.what_if.comparison import Report
from audit.what_if.differing import Difference, differing
from audit.what_if.html import page_of
from audit.what_if.setup import names_of_keys
from config.settings import Settings
from tests.audit_world import MINUTE, World
from tests.pages import Tags
from tests.what_if_world import IN_FORCE, compared, with_policy


def settings_with(routing_key: str = "K1", others: dict[str, str] | None = None, **more: Any) -> Settings:
    return Settings.model_validate(
        {
            "alert": {"slack": {"token": "xoxb-secret", "channel_id": "C1"}},
            "oncall": {"pagerduty": {"routing_key": routing_key, "other_routing_keys": others or {}}, **more},
        }
    )


def a_report() -> Report:
    """One page later, one gone, one of which nobody knows."""
    world = World()
    world.fire("<script>alert(1)</script>", labels={"team": "<b>", "severity": "critical"})
    world.wait(5 * MINUTE)
    late = world.fire("late")
    world.wait(5 * MINUTE)
    world.ack(late)
    world.fire("over")
    world.wait(5 * MINUTE)
    world.resolve("over")
    return compared(world, with_policy(wait_minutes=10))


def test_a_page_asks_nothing_of_anybody() -> None:
    """No script, no address, whatever the alerts say; and the charts are in it."""
    tags = Tags(page_of(a_report()))

    assert [] == tags.addresses
    assert {"script", "link", "img", "b"}.isdisjoint(set(tags.tags))
    assert 3 == tags.tags.count("svg")
    assert tags.tags.count("rect") > 3


def test_a_page_has_what_json_has() -> None:
    """Every difference, with its reason."""
    report, page = a_report(), page_of(a_report())

    assert [] == [each for each in report.changes if each.incident_id not in page or each.because not in page]


def test_words_say_what_is_different_and_why() -> None:
    """Counts by kind, pages before and after, and a line for each difference."""
    lines = list(told(a_report()))

    assert "         1  pages that would not be sent" in lines
    assert "         1  pages later" in lines
    assert "all                                  3         1         1" in lines
    assert re.search(
        r"^later  .*script.* \(critical\) \S+: \S+ \S+ default → \S+ \S+ default \(7 min 0 s\)$",
        "\n".join(lines),
        re.MULTILINE,
    )
    assert re.search(r"^fewer  over \S+: .* → none \[resolved at .*\]$", "\n".join(lines), re.MULTILINE)


def test_words_say_that_there_is_no_difference() -> None:
    """In so many words."""
    lines = list(told(compared(World(), IN_FORCE)))

    assert {"No difference.", "The two config files say the same."} <= set(lines)


def test_words_say_what_nobody_was_asked() -> None:
    """The pages more that nobody could have acknowledged are told apart."""
    world = World(policy=with_policy(oncall=False).rules.policy)
    world.fire("disk")
    world.wait(20 * MINUTE)

    lines = list(told(compared(world, IN_FORCE, with_policy(oncall=False))))

    assert "         1  pages more; nobody was asked to acknowledge 1 of them then" in lines


def test_settings_differ_by_their_paths_and_show_no_secret() -> None:
    """A value is shown where a page may depend on it, and no key ever."""
    before = settings_with(others={"infra": "K2"}, wait_minutes=3)
    after = settings_with("K3", {"infra": "K2", "web": "K4"}, wait_minutes=10)
    after = after.model_copy(update={"name": "other", "port": 1})

    assert (
        Difference("name", "…", "…", is_simulated=False),
        Difference("oncall.pagerduty.other_routing_keys", "infra", "infra, web", is_simulated=True),
        Difference("oncall.pagerduty.routing_key", "…", "…", is_simulated=True),
        Difference("oncall.wait_minutes", "3.0", "10.0", is_simulated=True),
        Difference("port", "…", "…", is_simulated=False),
    ) == differing(before, after)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (("K1", {"infra": "K2"}), ("K1", {"infra": "K2"}), {"default": "default", "infra": "infra"}),
        (("K1", {"infra": "K2"}), ("K2", {"infra": "K2"}), {"default": "infra", "infra": "infra"}),
        (("K1", {"infra": "K2"}), ("K1", {"infra": "K3"}), {"default": "default", "infra": "infra (changed)"}),
        (("K1", {}), ("K1", {"web": "K4"}), {"default": "default", "web": "web"}),
        (("K1", {"infra": "K1"}), ("K1", {"infra": "K1"}), {"default": "default", "infra": "infra"}),
    ],
)
def test_a_key_is_called_by_the_service_that_it_leads_to(
    before: tuple[str, dict[str, str]], after: tuple[str, dict[str, str]], words: dict[str, str]
) -> None:
    """The same service has the same word on both sides, and another one another."""
    mine, other = names_of_keys(settings_with(*before), settings_with(*after))

    assert words == other
    assert {name: name for name in mine} == mine


def test_both_sides_have_the_ids_of_the_settings_in_force() -> None:
    """New tokens, or another prefix, are no difference to an incident."""
    before = settings_with("K1")
    after = settings_with("K9").model_copy(update={"kafka": before.kafka.model_copy(update={"topic_prefix": "x."})})

    mine, other = setups_of(before, after)

    assert mine.rules == replace(other.rules, policy=mine.rules.policy)
    assert mine.rules.policy.secret == other.rules.policy.secret
    assert before.deployment_secret != after.deployment_secret
