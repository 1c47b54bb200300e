"""What notifiers are to do in Slack. Each record holds all that its message needs, so that a replay can show it."""

from enum import StrEnum
from typing import Any

from streams.records.base import Millis, Record


class IncidentStatus(StrEnum):
    """What an incident's Slack message is updated to say."""

    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class SlackNotification(Record, frozen=True, kw_only=True, tag_field="type"):
    """Common to all of them."""

    notification_id: str
    """The same when the same notification is sent again: what lets a notifier leave out a second post."""
    incident_id: str
    source_key: str
    channel_id: str | None = None
    """None is the configured channel."""
    payload: dict[str, Any]
    """The alert's own body, as its sender wrote it."""
    at_ms: Millis


class SlackPost(SlackNotification, frozen=True, kw_only=True, tag="post"):
    """A new message: an incident was opened, or an alert came that opens none."""

    oncall: bool
    """Whether somebody will be paged, and so whether the message has an ACK link."""
    due_ms: Millis | None = None
    warnings: tuple[str, ...] = ()


class SlackThread(SlackNotification, frozen=True, kw_only=True, tag="thread"):
    """An answer in the incident's thread: alerts were added to it."""

    added: tuple[str, ...]
    """Fingerprints of the alerts in `payload` that are new."""
    oncall: bool
    warnings: tuple[str, ...] = ()


class SlackUpdate(SlackNotification, frozen=True, kw_only=True, tag="update"):
    """The incident's message, in place: it was acknowledged, escalated or resolved."""

    status: IncidentStatus
    by: str | None = None
    """Who acknowledged."""
    warnings: tuple[str, ...] = ()
    routing_key_name: str | None = None
    """Through which key it was escalated, by name; None is the default key."""
