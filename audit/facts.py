"""What the ledger reads of each record: names, times and places, and never the alert itself, which is most of the bytes.

Written from the contract and not from the code that decides, so that a mistake in one is no mistake in the other.
"""

from typing import Any

import msgspec

from streams.codec import Unusable, decode_alert
from streams.records import VERSION, AckClaim, AlertEvent, Cause, Happening, Millis, read_options
from streams.records.identity import foreign_event_id, source_key
from streams.topics import Topic


class Facts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Common to all of them."""

    v: int = VERSION
    incident_id: str
    source_key: str


class ScheduledFacts(Facts, frozen=True, gc=False, kw_only=True, tag_field="type", tag="schedule"):
    """An incident's deadline."""

    due_ms: Millis
    routing_key_name: str | None = None


class AddedFacts(Facts, frozen=True, gc=False, kw_only=True, tag_field="type", tag="alerts_added"):
    """Alerts that were added to it, with on-call on."""

    event_id: str
    due_ms: Millis
    routing_key_name: str | None = None


class CancelledFacts(Facts, frozen=True, gc=False, kw_only=True, tag_field="type", tag="cancel"):
    """It is resolved."""


class ExpeditedFacts(Facts, frozen=True, gc=False, kw_only=True, tag_field="type", tag="expedite"):
    """Slack refused it."""

    at_ms: Millis


class AckFacts(Facts, frozen=True, gc=False, kw_only=True):
    """Somebody acknowledged."""

    at_ms: Millis
    round: int = 1
    claim: AckClaim


class TriggerFacts(Facts, frozen=True, gc=False, kw_only=True, tag_field="type", tag="trigger"):
    """A page."""

    round: int
    dedup_key: str
    routing_key_name: str | None = None
    at_ms: Millis
    due_ms: Millis


class FollowFacts(Facts, frozen=True, gc=False, kw_only=True, tag_field="type", tag="acknowledge"):
    """PagerDuty hears of an ACK."""

    round: int
    dedup_key: str
    routing_key_name: str | None = None


class EndFacts(FollowFacts, frozen=True, gc=False, kw_only=True, tag_field="type", tag="resolve"):
    """PagerDuty hears of the end."""


class SlackFacts(Facts, frozen=True, gc=False, kw_only=True):
    """Something to tell."""


class Detail(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Of an entry of the incident log."""

    round: int = 1
    due_ms: Millis | None = None
    oncall: bool | None = None
    event_id: str = ""
    dedup_key: str | None = None
    routing_key_name: str | None = None
    action: str | None = None
    fallback: bool = False


class EntryFacts(Facts, frozen=True, gc=False, kw_only=True):
    """An entry of the incident log."""

    at_ms: Millis
    role: str
    what: Happening
    cause: Cause
    detail: Detail = msgspec.field(default_factory=Detail)


_DECODERS: dict[Topic, msgspec.json.Decoder[Any]] = {
    Topic.DELAYS: msgspec.json.Decoder(ScheduledFacts | AddedFacts | CancelledFacts | ExpeditedFacts),
    Topic.ACKS: msgspec.json.Decoder(AckFacts),
    Topic.PAGERDUTY_EVENTS: msgspec.json.Decoder(TriggerFacts | FollowFacts | EndFacts),
    Topic.SLACK_NOTIFICATIONS: msgspec.json.Decoder(SlackFacts),
    Topic.INCIDENT_LOG: msgspec.json.Decoder(EntryFacts),
}


def facts_of(topic: Topic, value: bytes) -> Any:
    """What a record says; None where it is none that anybody could use."""
    try:
        facts = _DECODERS[topic].decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return facts if facts.v == VERSION else None


class Identified(msgspec.Struct, frozen=True, gc=False):
    """An alert, as far as the ledger knows it."""

    source_key: str
    event_id: str
    """Empty: its sender gave none, and without the deployment's secret nobody can tell which it was given."""


def identified(value: bytes, place: tuple[str, int, int], secret: bytes | None) -> Identified | None:
    """The identity of an alert; None where it cannot be used. `place`: the topic's whole name, partition and offset."""
    try:
        alert, given = decode_alert(value)
    except Unusable:
        return None
    event_id = alert.event_id or (foreign_event_id(secret, *place) if secret else "")
    # The wishes that a sender may have besides the dedup key are no part of an alert's identity.
    dedup_key = read_options({"dedup_key": given.get("dedup_key")}, key_names=(), max_wait_minutes=0).dedup_key
    known = AlertEvent(payload=alert.payload, event_id=event_id, source=alert.source, dedup_key=dedup_key)
    return Identified(source_key(known), event_id)
