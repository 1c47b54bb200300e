"""Wishes that make no sense cost a warning and never the alert."""

from typing import Any

import pytest

from streams.records import AlertOptions, read_options


def read(**given: Any) -> AlertOptions:
    return read_options(given, key_names={"infra", "db"}, max_wait_minutes=10_080)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"oncall_enable": "false"}, {"oncall_enable": False}, id="off-as-text"),
        pytest.param({"oncall_enable": "TRUE"}, {"oncall_enable": True}, id="on-as-text"),
        pytest.param({"oncall_enable": True}, {"oncall_enable": True}, id="on-as-json"),
        pytest.param({"oncall_wait_minutes": "0"}, {"oncall_wait_minutes": 0.0}, id="no-wait"),
        pytest.param({"oncall_wait_minutes": "0.05"}, {"oncall_wait_minutes": 0.05}, id="three-seconds"),
        pytest.param({"oncall_wait_minutes": 5}, {"oncall_wait_minutes": 5.0}, id="number"),
        pytest.param({"pagerduty_other_routing_key": "infra"}, {"pagerduty_other_routing_key": "infra"}, id="key-name"),
        pytest.param({"slack_channel_id": "C1"}, {"slack_channel_id": "C1"}, id="channel"),
        pytest.param({"dedup_key": "disk-full"}, {"dedup_key": "disk-full"}, id="dedup-key"),
        pytest.param({"oncall_enable": ""}, {}, id="empty-is-not-given"),
        pytest.param({"oncall_wait_minutes": None}, {}, id="null-is-not-given"),
    ],
)
def test_a_sensible_wish_is_met(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """As text, from a query, and as JSON, from a record."""
    assert read(**given) == AlertOptions(**expected)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"oncall_enable": "perhaps"}, "must be true or false", id="enable"),
        pytest.param({"oncall_wait_minutes": "soon"}, "must be a number of minutes from 0 to 10080", id="word"),
        pytest.param({"oncall_wait_minutes": "-1"}, "must be a number", id="negative"),
        pytest.param({"oncall_wait_minutes": "nan"}, "must be a number", id="nan"),
        pytest.param({"oncall_wait_minutes": "1e9"}, "must be a number", id="too-long"),
        pytest.param({"oncall_wait_minutes": True}, "must be a number", id="bool"),
        pytest.param({"oncall_wait_minutes": 10**400}, "must be a number", id="huge"),
        pytest.param({"oncall_wait_minutes": [3]}, "must be a number", id="list"),
        pytest.param({"pagerduty_other_routing_key": "nobody"}, "known: db, infra", id="key-name"),
        pytest.param({"pagerduty_other_routing_key": {}}, "names no configured", id="key-object"),
        pytest.param({"slack_channel_id": 7}, "must be text", id="channel"),
        pytest.param({"dedup_key": "x" * 513}, "must be text of at most 512", id="dedup-key"),
        pytest.param({"oncall_enabled": "false"}, "is no parameter of an alert", id="unknown"),
    ],
)
def test_a_senseless_wish_is_a_warning_and_the_default(given: dict[str, Any], says: str) -> None:
    """The warning says what was wrong; the option is as if it had not been given."""
    options = read(**given)

    assert len(options.warnings) == 1
    assert says in options.warnings[0]
    assert options == AlertOptions(warnings=options.warnings)


def test_an_unknown_key_name_is_not_repeated() -> None:
    """Somebody may have put a routing key where its name belongs."""
    secret = "0123456789abcdef0123456789abcdef"

    assert secret not in repr(read(pagerduty_other_routing_key=secret))
