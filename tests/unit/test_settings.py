"""The settings refuse what makes no sense, and derive what every role of a deployment must agree on."""

from datetime import timedelta
from typing import Any

import pytest

from pydantic import ValidationError

from config.settings import MAX_WAIT_MINUTES, IncidentSettings, KafkaSettings, OnCallSettings, Settings


COMPLETE: dict[str, Any] = {
    "alert": {"slack": {"token": "xoxb-1", "channel_id": "C123"}},
    "oncall": {"pagerduty": {"routing_key": "default", "other_routing_keys": {"infra": "i", "db": "d"}}},
}


def settings(**changed: Any) -> Settings:
    """Complete settings, with these sections changed."""
    return Settings.model_validate(COMPLETE | changed)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("250ms", 0.25), ("90s", 90), ("1.5m", 90), ("5h", 18_000), ("14d", 1_209_600), (90, 90), ("0.5", 0.5)],
)
def test_durations(written: Any, seconds: float) -> None:
    """A duration has its unit with it; a bare number counts seconds."""
    assert IncidentSettings.model_validate({"quiet_after": written}).quiet_after == timedelta(seconds=seconds)


@pytest.mark.parametrize("written", ["", "soon", "10:00", "5 hours", "-5s", 0, -1, True, "9999999d", "nan", [5]])
def test_no_durations(written: Any) -> None:
    """What could be read in two ways, and what is no time at all, is refused."""
    with pytest.raises(ValidationError, match="must be a duration"):
        IncidentSettings.model_validate({"quiet_after": written})


@pytest.mark.parametrize("minutes", [0, 0.05, MAX_WAIT_MINUTES])
def test_waits(minutes: float) -> None:
    """No wait at all is a wish like any other, and so are seconds."""
    assert OnCallSettings(wait_minutes=minutes).wait_minutes == minutes


@pytest.mark.parametrize("minutes", [-1, MAX_WAIT_MINUTES + 1, float("nan"), float("inf"), True, "3:00"])
def test_no_waits(minutes: Any) -> None:
    """A wait that nobody can mean is refused: a mistaken unit must not put off a page by weeks."""
    with pytest.raises(ValidationError):
        OnCallSettings.model_validate({"wait_minutes": minutes})


def test_dead_workers_are_noticed_in_time() -> None:
    """The session timeout is how long a page may be late after a worker's death."""
    with pytest.raises(ValidationError):
        KafkaSettings(session_timeout=timedelta(seconds=13))


def test_nothing_to_tell_and_nobody_to_page_needs_no_secret() -> None:
    """What is switched off need not be configured."""
    off = {"enable": False}

    assert settings(alert={"slack": off}, oncall=off).key_names == frozenset()


def test_public_host_is_the_base_of_links() -> None:
    """A slash at its end does not become two in a link."""
    assert settings(public_host="https://ack.example/ackline/").public_host == "https://ack.example/ackline"


def test_every_role_computes_the_same_secret() -> None:
    """Ids come from it, so that the order in which keys are written must not matter."""
    turned = {"pagerduty": {"other_routing_keys": {"db": "d", "infra": "i"}, "routing_key": "default"}}

    assert settings(oncall=turned).deployment_secret == settings().deployment_secret


def test_another_deployment_has_another_secret() -> None:
    """Whoever knows one deployment's ids can guess none of another's; a signing key decides alone."""
    signed = {"signing_key": "k" * 32}
    others = {"slack": {"token": "xoxb-2", "channel_id": "C123"}}

    secrets = [settings(), settings(alert=others), settings(ack=signed), settings(alert=others, ack=signed)]

    assert len({each.deployment_secret for each in secrets}) == 3
    assert all(len(each.deployment_secret) == 32 for each in secrets)
