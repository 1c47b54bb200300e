"""An alert as it lies in `alerts`: somebody's JSON object, and how they want it handled.

Every way in (HTTP, an envelope or a bare Alertmanager body from another producer) ends in this one type. A wish
that makes no sense never costs the alert: the default takes its place, and a warning says so.
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from streams.records.base import Millis, Record


class AlertEvent(Record, frozen=True, kw_only=True):
    """One delivery of an alert. The fields that other producers may give have the names of the HTTP parameters."""

    payload: dict[str, Any]
    event_id: str = ""
    """Unique per event. Empty until the pipeline has given one to a record that came without."""
    source: str = ""
    """Who sends. Part of the source key, so two senders with the same groupKey stay apart if they say who they are."""
    received_ms: Millis = 0
    oncall_enable: bool | None = None
    oncall_wait_minutes: float | None = None
    pagerduty_other_routing_key: str | None = None
    """A key's name, never a key."""
    slack_channel_id: str | None = None
    dedup_key: str | None = None
    warnings: tuple[str, ...] = ()
    """Wishes that could not be met, in words for the person who sent them. The Slack message shows them too."""


class AlertOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How an alert is to be handled, as far as its sender has said anything believable."""

    oncall_enable: bool | None = None
    oncall_wait_minutes: float | None = None
    pagerduty_other_routing_key: str | None = None
    slack_channel_id: str | None = None
    dedup_key: str | None = None
    warnings: tuple[str, ...] = ()


MAX_TEXT = 512
"""Longest channel id, dedup key or key name that is believed; PagerDuty's own keys end at 255."""

_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


def read_options(given: Mapping[str, Any], *, key_names: Collection[str], max_wait_minutes: float) -> AlertOptions:
    """Read the sender's wishes from query parameters (all text) or JSON fields (typed). Never raises.

    `key_names` are the configured names of routing keys. A name is accepted and a key is not: an unknown name is not
    repeated in the warning, since somebody may have put a key there.
    """
    warnings: list[str] = []
    read: dict[str, Any] = {}
    for name, reader in _READERS.items():
        value = given.get(name)
        if value is None or value == "":
            continue
        try:
            read[name] = reader(value, key_names, max_wait_minutes)
        except ValueError as problem:
            warnings.append(f"{name} {problem}")
    warnings += [
        f"{_shortened(name)} is no parameter of an alert; ignored" for name in sorted(set(given) - set(_READERS))
    ]
    return AlertOptions(**read, warnings=tuple(warnings))


def _read_enable(value: Any, _: Collection[str], __: float) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(f"must be true or false, not {_shortened(value)}; the configured default is used")
    return text in _TRUE


def _read_wait(value: Any, _: Collection[str], longest: float) -> float:
    problem = ValueError(
        f"must be a number of minutes from 0 to {longest:g}, not {_shortened(value)}; the configured default is used"
    )
    if isinstance(value, bool):
        raise problem
    try:
        minutes = float(value)
    except (TypeError, ValueError, OverflowError):
        raise problem from None
    if not 0 <= minutes <= longest:  # also refuses NaN
        raise problem
    return minutes


def _read_key_name(value: Any, key_names: Collection[str], _: float) -> str:
    if not isinstance(value, str) or value not in key_names:
        known = ", ".join(sorted(key_names)) or "none is configured"
        raise ValueError(f"names no configured routing key (known: {known}); the default key is used")
    return str(value)


def _read_text(value: Any, _: Collection[str], __: float) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError(f"must be text of at most {MAX_TEXT} characters; ignored")
    return value


_READERS = {
    "oncall_enable": _read_enable,
    "oncall_wait_minutes": _read_wait,
    "pagerduty_other_routing_key": _read_key_name,
    "slack_channel_id": _read_text,
    "dedup_key": _read_text,
}


def _shortened(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
