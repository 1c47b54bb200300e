"""Which incident an alert belongs to, and who must hear of it. The fan-out agent's decision, whole.

- A firing alert with no open incident opens one. One that was seen before changes nothing (law 3).
- Alerts that an open incident has not had are added to it and told in its thread.
- `resolved` closes it, unless the body was truncated: alerts that it leaves out may still fire.
- An event that was already decided is decided the same way again, with the same records and ids (law 1).
- Whatever the body holds, there is a decision: nothing here raises.
"""

import hashlib
import json

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from streams.decide.effects import Effect, delay, facts, logged, slack
from streams.records import (
    AlertEvent,
    Cause,
    DelayAlertsAdded,
    DelayCancelled,
    DelayScheduled,
    Happening,
    IncidentStatus,
    LogEntry,
    Millis,
    SlackPost,
    SlackThread,
    SlackUpdate,
)
from streams.records.identity import has_stable_identity, incident_id, source_key
from streams.records.summary import severity, title


ROLE = "fan-out"

REMEMBERED_EVENTS = 16
"""How many deciding events an incident remembers. What is older was committed long ago."""

REMEMBERED_ALERTS = 10_000
"""How many fingerprints an incident remembers, the newest ones."""


class Reason(StrEnum):
    """Why the decision is what it is."""

    OPENED = "opened"
    REOPENED = "reopened"
    REPEATED = "repeated"
    ALERTS_ADDED = "alerts_added"
    RESOLVED = "resolved"
    NOTED = "noted"
    """`resolved`, and nothing was open: told, and nobody is paged."""


class Decided(msgspec.Struct, frozen=True, array_like=True):
    """An event that changed something, kept so that it can be decided the same way again."""

    event_id: str
    reason: Reason
    incident_id: str
    added: tuple[str, ...] = ()


class Incident(msgspec.Struct, frozen=True, array_like=True):
    """The latest incident of a source key: a row of the table `incidents`."""

    incident_id: str
    opened_ms: Millis
    last_seen_ms: Millis
    closed: bool
    alerts: tuple[str, ...]
    """Fingerprints of the alerts that fire, the longest-known first."""
    decided: tuple[Decided, ...]
    last_offset: int
    """Of the newest record of `alerts` that this row knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the settings say about correlation."""

    secret: bytes
    quiet_after_ms: int
    oncall: bool
    can_page: bool
    """Whether there is a routing key at all."""
    wait_minutes: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the incident, and what is to be written. `state` None: nothing is kept."""

    reason: Reason
    incident_id: str
    state: Incident | None
    effects: tuple[Effect, ...]


def correlate(incident: Incident | None, alert: AlertEvent, cause: Cause, policy: Policy) -> Decision:
    """Decide about one alert. Time is the alert's own `received_ms`, so that a replay decides alike."""
    alert = _with_warning_if_nobody_can_be_paged(alert, policy)
    key = source_key(alert)
    own = incident_id(policy.secret, key, alert.event_id)
    decided = _decided_before(incident, alert)
    state = incident
    if decided is None and incident and _knows(incident, alert, cause):
        decided = Decided(alert.event_id, Reason.REPEATED, incident.incident_id)
    elif decided is None:
        decided = _decide(incident, alert, own, policy)
        state = _next_state(incident, decided, alert, cause) if has_stable_identity(alert) else None
    effects = tuple(_EFFECTS[decided.reason](_Writing(decided, alert, cause, policy, key, own)))
    return Decision(decided.reason, decided.incident_id, state, effects)


def is_resolved(alert: AlertEvent) -> bool:
    """Whether the sender says that the problem is over, and can know it."""
    return alert.payload.get("status") == "resolved" and not alert.payload.get("truncatedAlerts")


def _decided_before(incident: Incident | None, alert: AlertEvent) -> Decided | None:
    decided = incident.decided if incident else ()
    return next((known for known in decided if known.event_id == alert.event_id), None)


def _decide(incident: Incident | None, alert: AlertEvent, own: str, policy: Policy) -> Decided:
    event = alert.event_id
    if is_resolved(alert):
        if incident is None:
            return Decided(event, Reason.NOTED, own)
        # Two Alertmanagers of a pair both say it.
        return Decided(event, Reason.REPEATED if incident.closed else Reason.RESOLVED, incident.incident_id)
    if incident is None:
        return Decided(event, Reason.OPENED, own)
    if incident.closed or alert.received_ms - incident.last_seen_ms > policy.quiet_after_ms:
        return Decided(event, Reason.REOPENED, own)
    known = set(incident.alerts)
    added = tuple(fingerprint for fingerprint in _alerts(alert, "firing") if fingerprint not in known)
    return Decided(event, Reason.ALERTS_ADDED if added else Reason.REPEATED, incident.incident_id, added)


def _knows(incident: Incident, alert: AlertEvent, cause: Cause) -> bool:
    """Whether this record was counted in already, as one that changed nothing.

    Without this, a repeat that is read again after its incident was resolved would open another. The offset alone
    does not tell: a topic that was made anew counts from zero, and its alerts must not pass for old ones.
    """
    return cause.offset <= incident.last_offset and alert.received_ms <= incident.last_seen_ms


def _next_state(incident: Incident | None, decided: Decided, alert: AlertEvent, cause: Cause) -> Incident | None:
    if decided.reason is Reason.NOTED:
        return None
    if incident is None or decided.reason is Reason.REOPENED:
        incident = Incident(
            incident_id=decided.incident_id,
            opened_ms=alert.received_ms,
            last_seen_ms=alert.received_ms,
            closed=False,
            alerts=(),
            # What the last incident decided stays, or its events would open it again when they are read again.
            decided=incident.decided if incident else (),
            last_offset=cause.offset,
        )
    changes = decided.reason is not Reason.REPEATED
    return msgspec.structs.replace(
        incident,
        last_seen_ms=max(incident.last_seen_ms, alert.received_ms),
        closed=incident.closed or decided.reason is Reason.RESOLVED,
        alerts=_still_firing(incident.alerts, alert),
        decided=(*incident.decided, decided)[-REMEMBERED_EVENTS:] if changes else incident.decided,
        last_offset=cause.offset,
    )


def _still_firing(known: tuple[str, ...], alert: AlertEvent) -> tuple[str, ...]:
    """Known alerts, less those that the body says are resolved, and the new ones.

    An alert that the body leaves out stays: the members of an Alertmanager pair may see different alerts, and taking
    turns must not make new rounds.
    """
    resolved = set(_alerts(alert, "resolved"))
    firing = dict.fromkeys([*known, *_alerts(alert, "firing")])
    return tuple(fingerprint for fingerprint in firing if fingerprint not in resolved)[-REMEMBERED_ALERTS:]


def _alerts(alert: AlertEvent, status: str) -> Iterable[str]:
    """Fingerprints of the body's alerts that have this status; one without a status counts as firing."""
    alerts = alert.payload.get("alerts")
    if not isinstance(alerts, list):
        return []
    return [_fingerprint(one) for one in alerts if _status(one) == status]


def _status(alert: Any) -> str:
    return "resolved" if isinstance(alert, dict) and alert.get("status") == "resolved" else "firing"


def _fingerprint(alert: Any) -> str:
    """Alertmanager's own fingerprint, else one of the labels, else one of all there is."""
    if isinstance(alert, dict):
        given = alert.get("fingerprint")
        if isinstance(given, str) and 0 < len(given) <= 64:
            return given
        alert = alert.get("labels", alert)
    return hashlib.sha256(json.dumps(alert, sort_keys=True).encode()).hexdigest()[:16]


def _with_warning_if_nobody_can_be_paged(alert: AlertEvent, policy: Policy) -> AlertEvent:
    if policy.can_page or not alert.oncall_enable:
        return alert
    warning = "oncall_enable asks for on-call, but no routing key is configured; nobody will be paged"
    return msgspec.structs.replace(alert, oncall_enable=False, warnings=(*alert.warnings, warning))


@dataclass(frozen=True, slots=True)
class _Writing:
    """Turns a decision into records. Every id in them follows from the event and the incident."""

    decided: Decided
    alert: AlertEvent
    cause: Cause
    policy: Policy
    source_key: str
    alias: str
    """The id that this event's sender was told, before anybody could know whether it opens anything."""

    @property
    def oncall(self) -> bool:
        asked = self.alert.oncall_enable
        return self.policy.can_page and (self.policy.oncall if asked is None else asked)

    @property
    def due_ms(self) -> Millis:
        asked = self.alert.oncall_wait_minutes
        minutes = self.policy.wait_minutes if asked is None else asked
        return self.alert.received_ms + round(minutes * 60_000)

    def common(self) -> dict[str, Any]:
        return {
            "incident_id": self.decided.incident_id,
            "source_key": self.source_key,
            "at_ms": self.alert.received_ms,
        }

    def notification(self, what: str) -> dict[str, Any]:
        return {
            **self.common(),
            "notification_id": f"{self.decided.incident_id}:{what}:{self.alert.event_id}",
            "channel_id": self.alert.slack_channel_id,
            "payload": self.alert.payload,
        }

    def deadline(self) -> dict[str, Any]:
        return {
            **self.common(),
            "event_id": self.alert.event_id,
            "due_ms": self.due_ms,
            "routing_key_name": self.alert.pagerduty_other_routing_key,
            "channel_id": self.alert.slack_channel_id,
            "payload": self.alert.payload,
            "warnings": self.alert.warnings,
        }

    def log(self, what: Happening, **detail: object) -> Effect:
        entry = LogEntry(
            **self.common(),
            role=ROLE,
            what=what,
            cause=self.cause,
            detail=facts(event_id=self.alert.event_id, **detail),
        )
        return logged(entry)


def _opened(write: _Writing) -> Iterable[Effect]:
    alert, due = write.alert, write.due_ms if write.oncall else None
    yield slack(SlackPost(**write.notification("opened"), oncall=write.oncall, due_ms=due, warnings=alert.warnings))
    if write.oncall:
        yield delay(DelayScheduled(**write.deadline()))
    yield write.log(
        Happening.OPENED,
        title=title(alert.payload),
        severity=severity(alert.payload),
        alerts=len(list(_alerts(alert, "firing"))),
        oncall=write.oncall,
        due_ms=due,
        routing_key_name=alert.pagerduty_other_routing_key,
        channel_id=alert.slack_channel_id,
    )


def _repeated(write: _Writing) -> Iterable[Effect]:
    yield write.log(Happening.REPEATED, alias=write.alias)


def _alerts_added(write: _Writing) -> Iterable[Effect]:
    alert, added, due = write.alert, write.decided.added, write.due_ms if write.oncall else None
    yield slack(SlackThread(**write.notification("added"), added=added, oncall=write.oncall, warnings=alert.warnings))
    if write.oncall:
        yield delay(DelayAlertsAdded(**write.deadline()))
    yield write.log(Happening.ALERTS_ADDED, added=list(added)[:100], oncall=write.oncall, due_ms=due, alias=write.alias)


def _resolved(write: _Writing) -> Iterable[Effect]:
    yield slack(
        SlackUpdate(**write.notification("resolved"), status=IncidentStatus.RESOLVED, warnings=write.alert.warnings)
    )
    yield delay(DelayCancelled(**write.common(), event_id=write.alert.event_id))
    yield write.log(Happening.RESOLVED, alias=write.alias)


def _noted(write: _Writing) -> Iterable[Effect]:
    yield slack(SlackPost(**write.notification("noted"), oncall=False, warnings=write.alert.warnings))
    yield write.log(Happening.NOTED, title=title(write.alert.payload), severity=severity(write.alert.payload))


_EFFECTS = {
    Reason.OPENED: _opened,
    Reason.REOPENED: _opened,
    Reason.REPEATED: _repeated,
    Reason.ALERTS_ADDED: _alerts_added,
    Reason.RESOLVED: _resolved,
    Reason.NOTED: _noted,
}
