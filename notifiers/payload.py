"""Reads what people need to know out of anybody's JSON: Alertmanager's body, Grafana's, or any object at all.

Nothing here raises, whatever the object holds: a field of an unexpected type counts as missing. An alert that says
little is told with what it says.
"""

import json

from typing import Any
from urllib.parse import urlsplit

from streams.records import title


_DESCRIPTION_KEYS = ("description", "summary", "message", "text", "body", "details", "reason")
_UNSAFE = frozenset(' <>|"\n\t')
"""What ends a link in Slack's markup, or in somebody's eyes."""


def words(value: Any) -> str:
    """Text or a number as one trimmed text; of everything else, nothing."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def mapping(value: Any) -> dict[str, Any]:
    """The object that this is, or an empty one."""
    return value if isinstance(value, dict) else {}


def alerts(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The single alerts of a grouped body."""
    listed = payload.get("alerts")
    return [alert for alert in listed if isinstance(alert, dict)] if isinstance(listed, list) else []


def first_alert(payload: dict[str, Any]) -> dict[str, Any]:
    """The first of them; an empty one where there is none."""
    return next(iter(alerts(payload)), {})


def labels(payload: dict[str, Any]) -> dict[str, str]:
    """What every alert of the body has in common; the labels of a lone alert where the body has none of its own."""
    return _texts(_common(payload, "labels"))


def annotations(payload: dict[str, Any]) -> dict[str, str]:
    """As `labels`."""
    return _texts(_common(payload, "annotations"))


def status(payload: dict[str, Any]) -> str:
    """`firing`, `resolved`, or the sender's own word; empty where there is none."""
    return words(payload.get("status")) or words(payload.get("state"))


def description(payload: dict[str, Any]) -> str:
    """What the sender says about it, unless that is the title again."""
    said = _first(_lookups(payload), _DESCRIPTION_KEYS)
    return said if title({"title": said}) != title(payload) else ""


def web_url(value: Any) -> str:
    """A URL that is safe to offer for a click, which only http and https are; else nothing."""
    text = words(value)
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in {"http", "https"} and parts.netloc and _UNSAFE.isdisjoint(text) else ""


def as_json(value: Any) -> str:
    """The value for people to read."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _lookups(payload: dict[str, Any]) -> list[dict[str, Any]]:
    return [_common(payload, "annotations"), payload, _common(payload, "labels")]


def _common(payload: dict[str, Any], name: str) -> dict[str, Any]:
    return mapping(payload.get(f"common{name.title()}") or payload.get(name) or first_alert(payload).get(name))


def _first(places: list[dict[str, Any]], keys: tuple[str, ...]) -> str:
    found = (words(place.get(key)) for key in keys for place in places)
    return next((text for text in found if text), "")


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {str(key): said for key, value in values.items() if (said := words(value))}
