"""Records of the pipeline in a form in which two of them can be compared: what was decided, without the alert's bulk.

The same notification, deadline, page or entry has the same name, whether it is recorded or computed anew, and however
often it was sent.
"""

import hashlib
import zlib

from typing import Any

import msgspec

from audit.findings import Place
from audit.record import LogRecord
from streams.codec import encode
from streams.records import Happening, LogEntry, PagerDutyEvent, SlackNotification


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
    unchanging: int = 0
    """Of what is recorded: a mark of what must be the same each time that it is sent."""


_BY_ALERT = {Happening.OPENED, Happening.REPEATED, Happening.ALERTS_ADDED, Happening.RESOLVED, Happening.NOTED}
_DIGEST = "digest of the alert"
_ENCODER = msgspec.json.Encoder(order="sorted")


def computed(record: Any, cause: Place, timestamp_ms: int) -> Told:
    """A decision of today's code, in the form in which it can be compared."""
    return Told(
        _name(record, cause), record.incident_id, record.source_key, encode(slim(record)), None, cause, timestamp_ms
    )


def recorded(record: LogRecord, decoded: Any, slimmed: Any, cause: Place | None) -> Told:
    """A record of a decision in the same form. `slimmed`: the decoded one with a digest in the place of its alert."""
    unknown = _unknown(decoded, record.value)
    value = _slim_json(record.value) if unknown else encode(slimmed)
    place = Place(record.topic, record.partition, record.offset)
    return Told(
        _name(decoded, cause), decoded.incident_id, decoded.source_key, value, place, cause, record.timestamp_ms,
        _unchanging(slimmed, unknown),
    )  # fmt: skip


def slim(record: Any) -> Any:
    """The record with a digest in the place of its alert, which no decision but the first one looks into."""
    payload = getattr(record, "payload", None)
    return record if payload is None else msgspec.structs.replace(record, payload=digest_of(payload))


def digest_of(payload: dict[str, Any]) -> dict[str, Any]:
    """A small payload that is the same for the same one; of a digest, the digest itself."""
    if not payload or payload.keys() == {_DIGEST}:
        return payload
    return {_DIGEST: hashlib.sha256(_ENCODER.encode(payload)).hexdigest()[:16]}


def differing(mine: bytes, other: bytes) -> list[str]:
    """The fields in which two records differ."""
    if mine == other:
        return []
    one, two = _flat(mine), _flat(other)
    return sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


def _unknown(record: Any, value: bytes) -> dict[str, Any]:
    """Fields that are written in these bytes, and that today's code does not know or would not write."""
    written = encode(record)
    if written == value:
        return {}
    known = _flat(written)
    return {name: field for name, field in _flat(value).items() if name not in known or field != known[name]}


def _slim_json(value: bytes) -> bytes:
    fields = msgspec.json.decode(value)
    return _ENCODER.encode({**fields, "payload": digest_of(fields["payload"])} if "payload" in fields else fields)


_LATER: dict[str, Any] = {"at_ms": 0, "due_ms": 0, "lateness_ms": 0, "payload": {}, "reason": "", "warnings": ()}
"""What may be otherwise in a record that is sent again, and what stands for it where that does not count."""


def _unchanging(record: Any, unknown: dict[str, Any]) -> int:
    changed = {name: _LATER[name] for name in record.__struct_fields__ if name in _LATER}
    if isinstance(record, LogEntry):
        changed["detail"] = _without_later(record.detail)
        if record.what not in _BY_ALERT:
            changed["cause"] = None
    mark = zlib.crc32(_ENCODER.encode(msgspec.structs.replace(record, **changed)))
    also = _without_later(unknown)
    return zlib.crc32(_ENCODER.encode(also), mark) if also else mark


def _without_later(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: field for name, field in fields.items() if name not in _LATER}


def _flat(value: bytes) -> dict[str, Any]:
    record: dict[str, Any] = msgspec.json.decode(value)
    if "what" in record and record["what"] not in _BY_ALERT:
        # The timer joins several topics: which of them brought it to its decision is a matter of milliseconds.
        record.pop("cause")
    detail: dict[str, Any] = record.pop("detail", {})
    return {**record, **detail}


def _name(record: Any, cause: Place | None) -> Name:
    if isinstance(record, LogEntry):
        if record.what in _BY_ALERT:
            return "incident-log", str(cause)
        # A worker that dies between a decision and its state decides anew, a little later.
        return "incident-log", record.what, record.incident_id, str(record.detail.get("round", 1))
    kind = record.__struct_config__.tag
    if isinstance(record, SlackNotification):
        return "slack", record.notification_id
    if isinstance(record, PagerDutyEvent):
        return "page", kind, record.incident_id, str(record.round)
    return "delay", kind, record.incident_id, record.event_id
