"""Reads of one partition's records what the figures need: each incident that was opened, and everything that was counted.

A record that was written again after a crash is the same one, and counts once.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from audit.facts import AckFacts, facts_of
from audit.record import LogRecord
from audit.story import labels_of
from streams.codec import Unusable, decode_alert
from streams.records import VERSION, Cause, Happening, Millis
from streams.records.identity import is_alertmanager
from streams.topics import Topic


NOBODY = "(none)"
READ = (Topic.ALERTS, Topic.ACKS, Topic.INCIDENT_LOG)
"""The topics that are needed."""


class Group(msgspec.Struct, frozen=True):
    """What an incident is counted under."""

    source: str = NOBODY
    """Who sends, as its alert says; else the receiver of an Alertmanager body."""
    team: str = NOBODY
    """The label of that name."""


class Incident(msgspec.Struct, gc=False):
    """What became of one, as far as it is recorded."""

    opened_by: int = -1
    """The offset of the alert that opened it; -1: that was at another time."""
    opened_ms: int = 0
    group: Group = Group()
    has_oncall: bool = False
    acked_ms: int | None = None
    """When somebody acknowledged first, in time or too late."""
    is_acked_in_time: bool = False
    resolved_ms: int | None = None
    alerts: int = 1
    """How many were counted in, the opening one among them."""
    repeats: int = 0
    pages_ms: list[int] = []
    """When each was decided."""


class _Detail(msgspec.Struct, frozen=True, gc=False):
    round: int = 1
    oncall: bool = False
    reason: str = ""
    kind: str = ""
    action: str = ""
    lateness_ms: int | None = None


class _Entry(msgspec.Struct, frozen=True, gc=False):
    """An entry of the incident log."""

    incident_id: str
    at_ms: Millis
    role: str
    what: Happening
    cause: Cause
    detail: _Detail = _Detail()
    v: int = VERSION


_ENTRIES = msgspec.json.Decoder(_Entry)

Name = tuple[str, ...]
"""What was counted: the metric's subject, and its labels."""


class Gathering:
    """One partition's, of what happened from one time until just before another."""

    def __init__(self, from_ms: int, to_ms: int) -> None:
        self._from_ms, self._to_ms = from_ms, to_ms
        self._groups: dict[int, Group] = {}
        self._known_groups: dict[Group, Group] = {}
        self._seen: set[tuple[object, ...]] = set()
        self._incidents: dict[str, Incident] = {}
        self.counted: Counter[Name] = Counter()
        self.decided_ms: list[int] = []
        """How late each page was decided."""
        self.delivered_ms: list[int] = []

    def add(self, record: LogRecord) -> None:
        """The next record."""
        if record.topic is Topic.ALERTS:
            self._groups[record.offset] = self._group_of(record)
        elif record.topic is Topic.ACKS:
            ack = facts_of(record.topic, record.value)
            if isinstance(ack, AckFacts) and self._is_in_range(record):
                self.counted["acks", ack.claim] += 1
        elif record.topic is Topic.INCIDENT_LOG:
            self._entry(record)

    def opened(self) -> Iterator[Incident]:
        """The incidents that were opened in this time."""
        for incident in self._incidents.values():
            if incident.opened_by >= 0:
                incident.group = self._groups.get(incident.opened_by, incident.group)
                yield incident

    def _is_in_range(self, record: LogRecord) -> bool:
        return self._from_ms <= record.timestamp_ms < self._to_ms

    def _entry(self, record: LogRecord) -> None:
        try:
            entry = _ENTRIES.decode(record.value)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return
        if entry.v != VERSION or not self._is_in_range(record) or not self._is_new(entry):
            return
        for name in _counted(entry):
            self.counted[name] += 1
        if entry.what is Happening.ESCALATED and entry.detail.lateness_ms is not None:
            self.decided_ms.append(entry.detail.lateness_ms)
        if entry.what is Happening.PAGERDUTY_DELIVERED and entry.detail.lateness_ms is not None:
            self.delivered_ms.append(entry.detail.lateness_ms)
        self._follow(entry)

    def _is_new(self, entry: _Entry) -> bool:
        # The timer's decisions are told apart by their rounds: decided anew after a crash, one may have another cause.
        apart = entry.detail.round if entry.what in _OF_A_ROUND else (entry.cause.topic, entry.cause.offset)
        name = (entry.incident_id, entry.role, entry.what, apart)
        is_new = name not in self._seen
        self._seen.add(name)
        return is_new

    def _follow(self, entry: _Entry) -> None:
        # Its entries come from several roles, and so in no certain order.
        incident = self._incidents.get(entry.incident_id)
        if incident is None:
            incident = self._incidents[entry.incident_id] = Incident()
        match entry.what:
            case Happening.OPENED:
                incident.opened_by, incident.opened_ms = entry.cause.offset, entry.at_ms
                incident.has_oncall = incident.has_oncall or entry.detail.oncall
            case Happening.REPEATED:
                incident.repeats += 1
                incident.alerts += 1
            case Happening.ALERTS_ADDED:
                incident.alerts += 1
                incident.has_oncall = incident.has_oncall or entry.detail.oncall
            case Happening.RESOLVED:
                incident.alerts += 1
                incident.resolved_ms = entry.at_ms
            case Happening.ESCALATED:
                incident.pages_ms.append(entry.at_ms)
            case Happening.ACKNOWLEDGED | Happening.ACKNOWLEDGED_LATE if incident.acked_ms is None:
                incident.acked_ms = entry.at_ms
                incident.is_acked_in_time = entry.what is Happening.ACKNOWLEDGED

    def _group_of(self, record: LogRecord) -> Group:
        try:
            alert, _ = decode_alert(record.value)
        except Unusable:
            return Group()
        payload = alert.payload
        receiver = str(payload.get("receiver", "")) if is_alertmanager(payload) else ""
        group = Group(alert.source or receiver or NOBODY, labels_of(payload).get("team", "") or NOBODY)
        return self._known_groups.setdefault(group, group)


_OF_A_ROUND = {
    Happening.ESCALATED,
    Happening.ACKNOWLEDGED,
    Happening.ACKNOWLEDGED_LATE,
    Happening.CANCELLED,
    Happening.ROUND_BEGUN,
}


def _counted(entry: _Entry) -> Iterator[Name]:
    """As what this is counted by whoever did it."""
    detail = entry.detail
    match entry.what:
        case Happening.OPENED | Happening.REPEATED | Happening.ALERTS_ADDED | Happening.RESOLVED | Happening.NOTED:
            yield "alerts", entry.what
        case Happening.ESCALATED if entry.role == "reconciler":
            yield "pages", "reconciler"
        case Happening.ESCALATED:
            yield "pages", detail.reason
        case Happening.SLACK_DELIVERED:
            yield "delivered", "slack", detail.kind
        case Happening.PAGERDUTY_DELIVERED:
            yield "delivered", "pagerduty", detail.action
        case Happening.SLACK_REJECTED | Happening.PAGERDUTY_REJECTED:
            yield "rejected", "slack" if entry.what is Happening.SLACK_REJECTED else "pagerduty"
