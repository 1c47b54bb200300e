"""Records to bytes and back. What cannot be read is `Unusable`, with a reason for people; nothing else escapes."""

import functools
import operator

from typing import Any

import msgspec

from streams.records import (
    VERSION,
    Ack,
    AlertEvent,
    DelayAlertsAdded,
    DelayCancelled,
    DelayExpedited,
    DelayScheduled,
    LogEntry,
    Millis,
    PagerDutyAcknowledge,
    PagerDutyResolve,
    PagerDutyTrigger,
    Record,
    SlackPost,
    SlackThread,
    SlackUpdate,
    Tick,
)
from streams.records.dead_letter import LONGEST_REASON
from streams.records.identity import is_alertmanager
from streams.topics import Topic


class Unusable(Exception):  # noqa: N818  # It reads as what it says: the record is unusable.
    """The bytes of a record cannot be used. The message says why, in words for whoever wrote the record."""

    def __init__(self, reason: str) -> None:
        # A decoder may quote what it has read, which may be a million characters.
        super().__init__(reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…")


MAX_DEPTH = 64
"""Levels of an alert's body. Real ones have fewer than ten."""

_ENCODER = msgspec.json.Encoder()
_RECORDS: dict[Topic, tuple[type[Record], ...]] = {
    Topic.ALERTS: (AlertEvent,),
    Topic.SLACK_NOTIFICATIONS: (SlackPost, SlackThread, SlackUpdate),
    Topic.DELAYS: (DelayScheduled, DelayAlertsAdded, DelayCancelled, DelayExpedited),
    Topic.ACKS: (Ack,),
    Topic.TICKS: (Tick,),
    Topic.PAGERDUTY_EVENTS: (PagerDutyTrigger, PagerDutyAcknowledge, PagerDutyResolve),
    Topic.INCIDENT_LOG: (LogEntry,),
}
_DECODERS: dict[Topic, msgspec.json.Decoder[Any]] = {
    topic: msgspec.json.Decoder(functools.reduce(operator.or_, records)) for topic, records in _RECORDS.items()
}
_OBJECT = msgspec.json.Decoder(dict[str, Any])


def record_types(topic: Topic) -> tuple[type[Record], ...]:
    """The types of record that a topic carries."""
    return _RECORDS[topic]


def encode(record: Record) -> bytes:
    """A record as JSON."""
    return _ENCODER.encode(record)


def decode(topic: Topic, value: bytes | None) -> Any:
    """The record that these bytes are, of the type that its topic carries.

    Raises:
        Unusable: no value, no JSON, a field missing or of the wrong type, or a version of another time.
    """
    record = _decoded(_DECODERS[topic], value)
    if record.v != VERSION:
        raise Unusable(f"is of version {record.v}; this Ackline reads version {VERSION}")
    return record


def decode_alert(value: bytes | None) -> tuple[AlertEvent, dict[str, Any]]:
    """An alert from anybody: ingest's record, another producer's envelope, or a bare Alertmanager body.

    Returns the alert without any of its options, and the options as they were given, for `read_options` to judge:
    what its sender wished may be nonsense, and the alert is worth having all the same.

    Raises:
        Unusable: there is no JSON object, or none with an object as `payload` that could be an alert.
    """
    body = _decoded(_OBJECT, value)
    if "payload" not in body and is_alertmanager(body):
        body = {"payload": body}
    payload = body.pop("payload", None)
    if not isinstance(payload, dict):
        raise Unusable("has no `payload` that is a JSON object, and is no Alertmanager body of version 4")
    if may_be_nested_too_deep(value) and is_nested_too_deep(payload):
        raise Unusable(f"is nested deeper than {MAX_DEPTH} levels")
    version = body.pop("v", VERSION)
    if version != VERSION:
        raise Unusable(f"is of version {version}; this Ackline reads version {VERSION}")
    own: dict[str, Any] = {"payload": payload}
    problems = []
    for name, kind in _OWN_FIELDS.items():
        if name not in body:
            continue
        try:
            own[name] = msgspec.convert(body.pop(name), kind)
        except msgspec.ValidationError as problem:
            problems.append(f"{name} is unusable ({problem}); ignored")
    return AlertEvent(**own | {"warnings": (*own.get("warnings", ()), *problems)}), body


def may_be_nested_too_deep(value: bytes | None) -> bool:
    """Whether these bytes have brackets enough. Counting is cheap, and a look at every value of every body is dear."""
    return value is not None and value.count(b"{") + value.count(b"[") > MAX_DEPTH


def is_nested_too_deep(value: Any) -> bool:
    """Whether a JSON value has more levels than `MAX_DEPTH`: what could be read, but not surely written again."""
    level = [value]
    for _ in range(MAX_DEPTH):
        children = [node.values() if isinstance(node, dict) else node for node in level]
        level = [child for node in children for child in node if isinstance(child, dict | list)]
        if not level:
            return False
    return True


_OWN_FIELDS: dict[str, Any] = {
    "event_id": str,
    "source": str,
    "received_ms": Millis,
    "warnings": tuple[str, ...],
}


def _decoded(decoder: msgspec.json.Decoder[Any], value: bytes | None) -> Any:
    if value is None:
        raise Unusable("has no value")
    try:
        return decoder.decode(value)
    # A deeply nested body ends in RecursionError, bytes that are no UTF-8 in UnicodeDecodeError (a ValueError).
    except (msgspec.DecodeError, ValueError, RecursionError) as problem:
        raise Unusable(str(problem)) from None
