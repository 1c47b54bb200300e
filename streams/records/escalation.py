"""What the timer agent joins: deadlines (`delays`), acknowledgements (`acks`) and the clock (`ticks`)."""

from enum import StrEnum
from typing import Any

from streams.records.base import Millis, Record


class Delay(Record, frozen=True, kw_only=True, tag_field="type"):
    """Common to all records of `delays`."""

    event_id: str
    """The event that caused it; the same when it is sent again."""
    incident_id: str
    source_key: str
    at_ms: Millis


class DelayScheduled(Delay, frozen=True, kw_only=True, tag="schedule"):
    """An incident was opened: page at `due_ms` unless somebody acknowledges."""

    due_ms: Millis
    routing_key_name: str | None = None
    channel_id: str | None = None
    payload: dict[str, Any]
    warnings: tuple[str, ...] = ()
    """The alert's, for whatever else is told in Slack about it."""


class DelayAlertsAdded(Delay, frozen=True, kw_only=True, tag="alerts_added"):
    """New alerts in an open incident: they share a deadline that is still ahead, or begin a new round."""

    due_ms: Millis
    routing_key_name: str | None = None
    channel_id: str | None = None
    payload: dict[str, Any]
    warnings: tuple[str, ...] = ()


class DelayCancelled(Delay, frozen=True, kw_only=True, tag="cancel"):
    """The problem is resolved: no page, or an end to the one that was sent."""


class DelayExpedited(Delay, frozen=True, kw_only=True, tag="expedite"):
    """Slack refused the post for good. Nobody can acknowledge what nobody saw: due at once."""

    reason: str


DelayRecord = DelayScheduled | DelayAlertsAdded | DelayCancelled | DelayExpedited


class AckClaim(StrEnum):
    """How the acknowledgement fared at the claim in Redis, where it meets the deadline."""

    WON = "won"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    ALREADY_ESCALATED = "already_escalated"
    UNKNOWN = "unknown"
    """Redis was out of reach: the order in Kafka decides."""


class Ack(Record, frozen=True, kw_only=True):
    """Somebody acknowledged an incident."""

    ack_id: str
    incident_id: str
    source_key: str
    at_ms: Millis
    by: str
    """Who, as far as the way in can tell: a link's holder is anonymous."""
    via: str
    """Through what: `link`, `api`."""
    round: int = 1
    """The round that was claimed."""
    claim: AckClaim


class Tick(Record, frozen=True, kw_only=True):
    """The clock of one partition. It goes to an explicit partition and has no key."""

    now_ms: Millis
