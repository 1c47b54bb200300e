"""The stand-in PagerDuty: which events it takes (Events API v2), and the incidents that they make. No I/O, no clock.

Alerts are known by routing key and dedup key together. A trigger without an open alert opens an incident and notifies;
one with an open alert is appended and notifies nobody, acknowledged or not. Acknowledge and resolve without an open
alert are dropped, and answered 202 all the same, exactly as PagerDuty does: 202 never means that somebody was called.

A routing key is a secret: only its name, where it has one, and its last four characters are ever given out.
"""

import json
import re

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sandbox import KEPT


MAX_EVENT_BYTES = 512_000
MAX_SUMMARY = 1024
MAX_DEDUP_KEY = 255
SEVERITIES = ("critical", "warning", "error", "info")
ACTIONS = ("trigger", "acknowledge", "resolve")


class Status(StrEnum):
    """Where an incident stands."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Effect(StrEnum):
    """What an accepted event did."""

    OPENED = "opened"
    APPENDED = "appended"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    DROPPED = "dropped"


@dataclass(slots=True, kw_only=True)
class Incident:
    """What wakes people. One notification goes out when it opens, and no other."""

    number: int
    key_name: str
    """The routing key's name, or its last four characters where it has none."""
    dedup_key: str
    status: Status
    summary: str
    severity: str
    payload: dict[str, Any]
    links: list[Any]
    triggered_at_ms: int
    triggers: int = 1
    """How many trigger events it has seen; all after the first were appended without notifying anybody."""
    acknowledged_at_ms: int | None = None
    resolved_at_ms: int | None = None

    @property
    def lateness_ms(self) -> int | None:
        """How long after its deadline it arrived, where the sender says in `custom_details` when it was due."""
        due_ms = _due_ms(self.payload.get("custom_details"))
        return None if due_ms is None else self.triggered_at_ms - due_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One accepted event, and what it did."""

    event_action: str
    key_name: str
    """The routing key's name, or its last four characters where it has none."""
    dedup_key: str
    effect: Effect
    incident_number: int | None
    payload: dict[str, Any]
    links: list[Any]
    images: list[Any]
    client: str | None
    client_url: str | None
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and the JSON body of an answer."""

    status: int
    body: dict[str, Any]


class Account:
    """One PagerDuty account with a service behind every routing key."""

    def __init__(self, *, keys: Mapping[str, str] | None = None, only_known_keys: bool = False) -> None:
        self._names = {key: name for name, key in (keys or {}).items()}
        self._only_known_keys = only_known_keys
        self._open: dict[tuple[str, str], Incident] = {}
        self._numbered = 0
        self.events: deque[Event] = deque(maxlen=KEPT)
        self._incidents: deque[Incident] = deque(maxlen=KEPT)

    @property
    def incidents(self) -> list[Incident]:
        """All of them, in the order in which they were opened."""
        return list(self._incidents)

    def key_label(self, routing_key: Any) -> str:
        """How a routing key may be spoken of."""
        if not isinstance(routing_key, str) or not routing_key:
            return ""
        return self._names.get(routing_key) or ("…" + routing_key[-4:] if len(routing_key) > 8 else "…")

    def enqueue(self, body: bytes, now_ms: int) -> Answer:
        """Take one request to `/v2/enqueue`."""
        event = parsed(body)
        if len(body) > MAX_EVENT_BYTES:
            return Answer(413, {"status": "invalid event", "message": "Event object is too large (limit is 512 KB)"})
        if event is None:
            return _UNRECOGNIZED
        errors = list(_problems(event))
        if not errors and self._only_known_keys and event["routing_key"] not in self._names:
            errors = ["Invalid routing key"]
        if errors:
            return invalid(*errors)
        dedup_key = self._take(event, now_ms)
        return Answer(202, {"status": "success", "message": "Event processed", "dedup_key": dedup_key})

    def reset(self) -> None:
        """Forget every event and incident."""
        self.events.clear()
        self._incidents.clear()
        self._open.clear()

    def _take(self, event: Mapping[str, Any], now_ms: int) -> str:
        dedup_key = event.get("dedup_key") or uuid4().hex
        incident = self._open.get((event["routing_key"], dedup_key))
        if event["event_action"] != "trigger":
            effect = _followed_up(incident, event["event_action"], now_ms)
        elif incident is None:
            incident, effect = self._opened(event, dedup_key, now_ms), Effect.OPENED
        else:
            incident.triggers += 1
            effect = Effect.APPENDED
        if effect is Effect.RESOLVED:
            del self._open[event["routing_key"], dedup_key]
        self.events.append(self._event(event, dedup_key, effect, incident, now_ms))
        return dedup_key

    def _opened(self, event: Mapping[str, Any], dedup_key: str, now_ms: int) -> Incident:
        payload = event["payload"]
        self._numbered += 1
        incident = Incident(number=self._numbered, key_name=self.key_label(event["routing_key"]), dedup_key=dedup_key,
                            status=Status.TRIGGERED, summary=payload["summary"], severity=payload["severity"],
                            payload=payload, links=event.get("links") or [], triggered_at_ms=now_ms)  # fmt: skip
        self._open[event["routing_key"], dedup_key] = incident
        if len(self._open) > KEPT:
            del self._open[next(iter(self._open))]
        self._incidents.append(incident)
        return incident

    def _event(
        self, event: Mapping[str, Any], dedup_key: str, effect: Effect, incident: Incident | None, now_ms: int
    ) -> Event:
        return Event(event_action=event["event_action"], key_name=self.key_label(event["routing_key"]),
                     dedup_key=dedup_key, effect=effect, incident_number=incident.number if incident else None,
                     payload=event.get("payload") or {}, links=event.get("links") or [],
                     images=event.get("images") or [], client=event.get("client"),
                     client_url=event.get("client_url"), received_at_ms=now_ms)  # fmt: skip


def parsed(body: bytes) -> dict[str, Any] | None:
    """The JSON object of a request; None when it is none."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def invalid(*errors: str) -> Answer:
    """The answer to an event that PagerDuty understands and refuses; sending it again would not help."""
    return Answer(400, {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)})


_UNRECOGNIZED = Answer(
    400,
    {
        "status": "Unrecognized object",
        "message": "Event object format is unrecognized",
        "errors": ["JSON parse error"],
    },
)


TOO_MANY = Answer(
    429,
    {
        "status": "throttle exceeded",
        "message": "Requests for this service are arriving too quickly.  Please retry later.",
    },
)


def _followed_up(incident: Incident | None, action: str, now_ms: int) -> Effect:
    if incident is None:
        return Effect.DROPPED
    if action == "resolve":
        incident.status, incident.resolved_at_ms = Status.RESOLVED, now_ms
        return Effect.RESOLVED
    if incident.status is Status.TRIGGERED:
        incident.status, incident.acknowledged_at_ms = Status.ACKNOWLEDGED, now_ms
    return Effect.ACKNOWLEDGED


def _problems(event: Mapping[str, Any]) -> Iterator[str]:
    yield from _routing_key_problems(event.get("routing_key"))
    yield from _one_of(event.get("event_action"), "event_action", ACTIONS)
    yield from _dedup_key_problems(event.get("dedup_key"), required=event.get("event_action") != "trigger")
    if event.get("event_action") == "trigger":
        yield from _payload_problems(event.get("payload"))
        yield from _list_problems(event.get("links"), "links", "href")
        yield from _list_problems(event.get("images"), "images", "src")


def _routing_key_problems(key: Any) -> Iterator[str]:
    if not _is_text(key):
        yield "'routing_key' is missing or blank"
        return
    if len(key) != 32:
        yield "Length of 'routing_key' is incorrect (should be 32 characters)"
    if not re.fullmatch("[0-9A-Za-z]*", key):
        yield "'routing_key' cannot contain non-alphanumeric characters."


def _dedup_key_problems(key: Any, *, required: bool) -> Iterator[str]:
    if key is None or key == "":
        if required:
            yield "'dedup_key' is missing or blank"
    elif not isinstance(key, str):
        yield "'dedup_key' is invalid (must be a string)"
    elif len(key) > MAX_DEDUP_KEY:
        yield f"Length of 'dedup_key' is incorrect (should be at most {MAX_DEDUP_KEY} characters)"


def _payload_problems(payload: Any) -> Iterator[str]:
    if not isinstance(payload, dict):
        yield "'payload' is missing or blank"
        return
    if not _is_text(payload.get("summary")):
        yield "'payload.summary' is missing or blank"
    elif len(payload["summary"]) > MAX_SUMMARY:
        yield f"Length of 'payload.summary' is incorrect (should be at most {MAX_SUMMARY} characters)"
    if not _is_text(payload.get("source")):
        yield "'payload.source' is missing or blank"
    yield from _one_of(payload.get("severity"), "payload.severity", SEVERITIES)
    yield from _optional_problems(payload)


def _optional_problems(payload: Mapping[str, Any]) -> Iterator[str]:
    for name in ("component", "group", "class"):
        if not isinstance(payload.get(name, ""), str):
            yield f"'payload.{name}' is invalid (must be a string)"
    if not isinstance(payload.get("custom_details", {}), dict):
        yield "'payload.custom_details' is invalid (must be an object)"
    if "timestamp" in payload and _iso_ms(payload["timestamp"]) is None:
        yield "'payload.timestamp' is invalid (must be an ISO 8601 timestamp)"


def _list_problems(items: Any, name: str, required: str) -> Iterator[str]:
    if items is None:
        return
    if not isinstance(items, list):
        yield f"'{name}' is invalid (must be an array)"
        return
    for number, item in enumerate(items):
        if not isinstance(item, dict) or not _is_text(item.get(required)):
            yield f"'{name}[{number}].{required}' is missing or blank"


def _one_of(value: Any, name: str, allowed: tuple[str, ...]) -> Iterator[str]:
    if not _is_text(value):
        yield f"'{name}' is missing or blank"
    elif value not in allowed:
        quoted = [f"'{one}'" for one in allowed]
        yield f"'{name}' is invalid (must be one of the following: {', '.join(quoted[:-1])} or {quoted[-1]})"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _due_ms(details: Any) -> int | None:
    if not isinstance(details, dict):
        return None
    if isinstance(due_ms := details.get("due_ms"), int):
        return due_ms
    return _iso_ms(details.get("due_at"))


def _iso_ms(value: Any) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
