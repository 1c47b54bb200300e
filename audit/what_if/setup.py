"""What a config file says about who is told and paged, when and through what: all that a simulation goes by."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from audit.refold_alerts import Rules
from config.settings import Settings


DEFAULT_KEY = "default"
"""What the routing key without a name is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One side of the comparison."""

    rules: Rules
    channel: str | None
    """Where alerts are told that name no channel."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """By a routing key's name: what the report calls the service that it leads to."""

    def channel_of(self, named: str | None) -> str | None:
        """Where an alert is told; None: nowhere."""
        return (named or self.channel) if self.rules.tells_slack else None

    def key_of(self, name: str | None) -> str:
        """The service that a page goes to. A name that is not configured falls back to the default key."""
        return self.keys.get(name or DEFAULT_KEY) or self.keys.get(DEFAULT_KEY, DEFAULT_KEY)


def names_of_keys(before: Settings, after: Settings) -> tuple[dict[str, str], dict[str, str]]:
    """What to call each routing key of the two, so that a page to the same service has the same word on both sides.

    Names are all that is told; the keys themselves are compared here and go nowhere.
    """
    known, changed = _keys(before), _keys(after)
    by_value = {key: name for name, key in reversed(known.items())}
    words = {
        name: name if known.get(name) == key else by_value.get(key, f"{name} (changed)" if name in known else name)
        for name, key in changed.items()
    }
    return {name: name for name in known}, words


def _keys(settings: Settings) -> dict[str, str]:
    pagerduty = settings.oncall.pagerduty
    given = {DEFAULT_KEY: pagerduty.routing_key, **dict(sorted(pagerduty.other_routing_keys.items()))}
    return {name: key.get_secret_value() for name, key in given.items() if key}
