"""A title and a severity for any alert body, for lists, logs and pages. Never raises, whatever the body holds."""

from collections.abc import Iterator
from typing import Any


MAX_TITLE = 200
"""Characters of a title, so that it stays one line."""

_TITLE_FIELDS = ("alertname", "title", "summary", "message", "name", "description", "text")


def title(payload: dict[str, Any]) -> str:
    """One line that says what is wrong: the alert's name where it has one, else the first text that reads like one."""
    for place in _places(payload):
        for field in _TITLE_FIELDS:
            text = place.get(field)
            if isinstance(text, str) and text.strip():
                return _one_line(text)
    return "Alert without a title"


def severity(payload: dict[str, Any]) -> str:
    """The severity in the sender's own word, in lower case; empty where there is none."""
    for place in _places(payload):
        for field in ("severity", "priority", "level"):
            text = place.get(field)
            if isinstance(text, str) and text.strip():
                return _one_line(text).lower()
    return ""


def _places(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Where to look, the most telling first: what all alerts of a group share, the body itself, its first alert."""
    alerts = payload.get("alerts")
    first = alerts[0] if isinstance(alerts, list) and alerts and isinstance(alerts[0], dict) else {}
    for place in (
        payload.get("commonLabels"),
        payload.get("groupLabels"),
        first.get("labels"),
        payload.get("commonAnnotations"),
        payload.get("labels"),
        payload,
        first.get("annotations"),
    ):
        if isinstance(place, dict):
            yield place


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_TITLE else f"{line[: MAX_TITLE - 1]}…"
