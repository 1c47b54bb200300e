"""Records of the pipeline in a form in which two of them can be compared: what was decided, without the alert's bulk.

The same notification, deadline, page or entry has the same name, whether it is recorded or computed anew, and however
often it was sent.
"""

import hashlib
import zlib

from typing import Any

import msgspec

from audit.findings import Place
from streams.records import Happening
from streams.topics import Topic


Name = tuple[str, ...]
"""What makes two records the same one."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """A record of a decision."""

    name: Name
    incident_id: str
    source_key: str
    value: bytes
    """JSON, with a digest in the place of the alert."""
    place: Place | None = None
    """Where it is recorded; None where it was computed."""
    cause: Place | None = None
    """The record that it was computed from, or says that it follows from."""
    timestamp_ms: int = 0


_BY_ALERT = {Happening.OPENED, Happening.REPEATED, Happening.ALERTS_ADDED, Happening.RESOLVED, Happening.NOTED}
_DIGEST = "digest of the alert"
_ENCODER = msgspec.json.Encoder(order="sorted")


def told(topic: Topic, value: bytes, place: Place | None, cause: Place | None, timestamp_ms: int) -> Told:
    """A record of a decision, in the form in which it can be compared."""
    record: dict[str, Any] = slim(msgspec.json.decode(value))
    if topic is Topic.INCIDENT_LOG and record["what"] not in _BY_ALERT:
        # The timer joins several topics: which of them brought it to its decision is a matter of milliseconds.
        record.pop("cause")
    name = _NAMES[topic](record, cause)
    return Told(name, record["incident_id"], record["source_key"], _ENCODER.encode(record), place, cause, timestamp_ms)


def slim(record: dict[str, Any]) -> dict[str, Any]:
    """The record with a digest in the place of its alert, which no decision but the first one looks into."""
    return {**record, "payload": digest_of(record["payload"])} if "payload" in record else record


def digest_of(payload: dict[str, Any]) -> dict[str, Any]:
    """A small payload that is the same for the same one; of a digest, the digest itself."""
    if not payload or payload.keys() == {_DIGEST}:
        return payload
    return {_DIGEST: hashlib.blake2b(_ENCODER.encode(payload), digest_size=8).hexdigest()}


def differing(mine: bytes, other: bytes) -> list[str]:
    """The fields in which two records differ."""
    if mine == other:
        return []
    one, two = _flat(mine), _flat(other)
    return sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


_LATER = {"at_ms", "due_ms", "lateness_ms", "payload", "reason", "warnings"}
"""What may be otherwise in a record that is sent again."""


def unchanging(value: bytes) -> int:
    """A mark of what must be the same each time that a record is sent."""
    fields = {name: field for name, field in _flat(value).items() if name not in _LATER}
    return zlib.crc32(_ENCODER.encode(fields))


def _flat(value: bytes) -> dict[str, Any]:
    record: dict[str, Any] = msgspec.json.decode(value)
    detail: dict[str, Any] = record.pop("detail", {})
    return {**record, **detail}


def _log_name(record: dict[str, Any], cause: Place | None) -> Name:
    what = str(record["what"])
    if what in _BY_ALERT:
        return "incident-log", str(cause)
    # A worker that dies between a decision and its state decides anew, a little later.
    return "incident-log", what, record["incident_id"], str(record.get("detail", {}).get("round", 1))


_NAMES: dict[Topic, Any] = {
    Topic.SLACK_NOTIFICATIONS: lambda record, _: ("slack", record["notification_id"]),
    Topic.DELAYS: lambda record, _: ("delay", record["type"], record["incident_id"], record["event_id"]),
    Topic.PAGERDUTY_EVENTS: lambda record, _: ("page", record["type"], record["incident_id"], str(record["round"])),
    Topic.INCIDENT_LOG: _log_name,
}
