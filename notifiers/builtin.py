"""The message for when there is no template, or none that works: it says something sensible about any JSON object."""

from typing import Any, Final

from notifiers import payload as read
from streams.records import severity as severity_of
from streams.records import title


SHOWN_ALERTS: Final = 5
SHOWN_LABELS: Final = 12
SHOWN_CHARACTERS: Final = 600
SHOWN_JSON: Final = 2_000

_SIGNS = {"critical": "🔥", "page": "🔥", "error": "🚨", "warning": "⚠️", "warn": "⚠️", "info": "ℹ️"}


def escaped(text: str) -> str:
    """Text as Slack shows it literally: no mention, no link, no markup of Slack's own can come from it."""
    # Exactly these three: https://docs.slack.dev/messaging/formatting-message-text#escaping
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(text: str, longest: int) -> str:
    """The text, cut to so many characters where it is longer, and marked as cut."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def headline(payload: dict[str, Any]) -> str:
    """The alert in one line of mrkdwn."""
    severity, status = severity_of(payload), read.status(payload)
    resolved = status.lower() in {"resolved", "ok"}
    sign = "✅" if resolved else _SIGNS.get(severity.lower(), "🔔")
    name = title(payload).replace("*", "∗")
    level = f"{shortened(severity, 40).upper()} · " if severity else ""
    return f"{sign} *{escaped(level + name)}*" + (f"  ({escaped(shortened(status, 40))})" if status else "")


def built_in_message(payload: dict[str, Any], ack_url: str) -> str:
    """The whole message in mrkdwn; with an empty `ack_url`, without an invitation to acknowledge."""
    parts = [headline(payload), _quoted(read.description(payload)), _label_line(payload)]
    listed = read.alerts(payload)
    parts += alert_lines(listed) if len(listed) > 1 else []
    if not read.labels(payload) and not read.annotations(payload):
        parts.append(_as_code(payload))
    if ack_url:
        parts.append(f"<{ack_url}|Click here to acknowledge>")
    return "\n".join(part for part in parts if part)


def alert_lines(listed: list[dict[str, Any]]) -> list[str]:
    """A line for each of the first few alerts, and how many more there are."""
    lines = [_alert_line(alert) for alert in listed[:SHOWN_ALERTS]]
    more = len(listed) - SHOWN_ALERTS
    return [*lines, f"… and {more} more"] if more > 0 else lines


def _alert_line(alert: dict[str, Any]) -> str:
    labels = read.labels(alert)
    place = next((labels[name] for name in ("instance", "pod", "host", "service", "job") if name in labels), "")
    named = f" `{escaped(_no_ticks(shortened(place, 80)))}`" if place else ""
    said = read.description(alert) or title(alert)
    return f"•{named} {escaped(shortened(said, 300))}"


def _label_line(payload: dict[str, Any]) -> str:
    shown = [(k, v) for k, v in read.labels(payload).items() if k not in {"alertname", "severity"}][:SHOWN_LABELS]
    return "  ".join(f"`{escaped(_no_ticks(shortened(f'{key}={value}', 120)))}`" for key, value in shown)


def _quoted(text: str) -> str:
    return escaped(shortened(text, SHOWN_CHARACTERS))


def _as_code(payload: dict[str, Any]) -> str:
    return f"```\n{escaped(_no_ticks(shortened(read.as_json(payload), SHOWN_JSON)))}\n```"


def _no_ticks(text: str) -> str:
    # A backtick cannot be escaped inside code, and would end it.
    return text.replace("`", "'")
