"""In what two config files differ, by the paths of their settings. No value is shown that could be a secret."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pydantic import BaseModel, SecretStr

from config.settings import Settings


_SIMULATED = {
    "alert.slack.enable",
    "alert.slack.channel_id",
    "oncall.enable",
    "oncall.wait_minutes",
    "oncall.new_rounds",
    "oncall.pagerduty.routing_key",
    "oncall.pagerduty.other_routing_keys",
    "incident.quiet_after",
}
"""What a page, or a message, can depend on in virtual time. Ids depend on secrets too, and are kept as they are."""


class Difference(msgspec.Struct, frozen=True, order=True):
    """One setting that is not the same."""

    path: str
    before: str
    after: str
    is_simulated: bool
    """Whether the comparison takes it into account."""


def differing(before: Settings, after: Settings) -> tuple[Difference, ...]:
    """All of them."""
    return tuple(sorted(_differing(before, after, "")))


def _differing(before: BaseModel, after: BaseModel, path: str) -> Iterator[Difference]:
    for name in type(before).model_fields:
        mine, other, place = getattr(before, name), getattr(after, name), f"{path}{name}"
        if isinstance(mine, BaseModel):
            yield from _differing(mine, other, f"{place}.")
        elif mine != other:
            yield Difference(place, _shown(place, mine), _shown(place, other), place in _SIMULATED)


def _shown(path: str, value: Any) -> str:
    """Only what is simulated: an address may have a password in it."""
    is_secret = isinstance(value, SecretStr)
    if isinstance(value, dict):
        return ", ".join(sorted(value)) or "none"
    return "…" if is_secret or path not in _SIMULATED else "none" if value is None else str(value)
