"""The incident log: what happened to an incident, who says so, and which record caused it."""

from enum import StrEnum
from typing import Any

import msgspec

from streams.records.base import Millis, Record


class Happening(StrEnum):
    """All that can happen to an incident, in the past tense."""

    OPENED = "opened"
    REPEATED = "repeated"
    ALERTS_ADDED = "alerts_added"
    RESOLVED = "resolved"
    NOTED = "noted"
    """Told in Slack, and nothing more: a `resolved` for which nothing was open."""
    SCHEDULED = "scheduled"
    """A deadline for an incident that was opened without one."""
    ROUND_BEGUN = "round_begun"
    EXPEDITED = "expedited"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGED_LATE = "acknowledged_late"
    ESCALATED = "escalated"
    CANCELLED = "cancelled"
    SLACK_DELIVERED = "slack_delivered"
    SLACK_REJECTED = "slack_rejected"
    PAGERDUTY_DELIVERED = "pagerduty_delivered"
    PAGERDUTY_REJECTED = "pagerduty_rejected"


class Cause(msgspec.Struct, frozen=True):
    """The record that made it happen."""

    topic: str
    partition: int
    offset: int


class LogEntry(Record, frozen=True, kw_only=True):
    """One happening. Written again after a crash it is the same entry, and readers count it once."""

    incident_id: str
    source_key: str
    at_ms: Millis
    role: str
    """`fan-out`, `timer`, `slack`, `pagerduty`, or `reconciler` for a page that the timer owed."""
    what: Happening
    cause: Cause
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
    """Facts for people and for the read model; small, and never a secret."""
