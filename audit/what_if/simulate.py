"""Runs the recorded alerts of one partition through a setup: which incidents they make, who is told, and what is owed.

Ids are those of the deployment that recorded, whatever the new settings' secrets are: identity is no part of the question.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from audit.record import LogRecord
from audit.refold_alerts import AlertFold
from audit.story import labels_of
from audit.what_if.setup import Setup
from streams.decide.correlation import Decision, Reason
from streams.records import (
    DelayAlertsAdded,
    DelayRecord,
    DelayScheduled,
    SlackNotification,
    SlackPost,
    SlackThread,
    severity,
    title,
)
from streams.topics import Topic


CRITICAL = "critical"


class About(msgspec.Struct, frozen=True, gc=False):
    """What an incident is about, in its opening alert's words."""

    title: str
    severity: str
    team: str


class Simulated(msgspec.Struct, gc=False):
    """One incident, as a setup would have it."""

    incident_id: str
    source_key: str
    opened_by: int
    opened_ms: int
    about: About
    channel: str | None
    """Where it is told first; None: nowhere."""
    asked: list[str] = []
    """The channels in which it is told with an ACK link."""
    delays: list[tuple[int, DelayRecord]] = []
    """With the time at which the timer gets them."""
    is_critical: bool = False
    """Whether any of the alerts that owe a page calls itself so."""


class Simulation:
    """One partition under one setup."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._fold = AlertFold(setup.rules)
        self._incidents: dict[str, Simulated] = {}
        self._by_alert: dict[int, Simulated] = {}

    def alert(self, record: LogRecord) -> None:
        """The next alert."""
        self._fold.add(record)

    def decided(self, offset: int, at_ms: int) -> None:
        """When an alert counts as received, as it is recorded."""
        self._fold.decided(offset, at_ms)

    def advance(self, now_ms: int) -> None:
        """Decide about what it is time for."""
        self._take(self._fold.decisions(now_ms))

    def finish(self) -> None:
        """Decide about the rest: there are no more records."""
        self._take(self._fold.rest())

    def incident_of(self, alert: int) -> Simulated | None:
        """The incident that the alert with this offset belongs to."""
        return self._by_alert.get(alert)

    def opened(self) -> Iterator[Simulated]:
        """All incidents, in the order in which they were opened."""
        return iter(self._incidents.values())

    def _take(self, decisions: Iterator[tuple[LogRecord, Decision]]) -> None:
        for record, decision in decisions:
            known = self._incidents.get(decision.incident_id)
            if known is None and decision.reason in {Reason.OPENED, Reason.REOPENED}:
                known = self._incidents[decision.incident_id] = self._begun(record, decision)
            if known is not None:
                self._by_alert[record.offset] = known
                for effect in decision.effects:
                    _TAKEN.get(effect.topic, _ignored)(known, effect.record, self.setup)

    def _begun(self, record: LogRecord, decision: Decision) -> Simulated:
        post = next(each.record for each in decision.effects if isinstance(each.record, SlackPost))
        about = About(title(post.payload), severity(post.payload), labels_of(post.payload).get("team", ""))
        channel = self.setup.channel_of(post.channel_id)
        return Simulated(decision.incident_id, post.source_key, record.offset, post.at_ms, about, channel)


def is_critical(payload: dict[str, Any]) -> bool:
    """Whether an alert calls itself critical, or one of the alerts in it does."""
    alerts = payload.get("alerts")
    bodies = [payload, *(alerts if isinstance(alerts, list) else [])]
    return any(severity(body) == CRITICAL for body in bodies if isinstance(body, dict))


def _told(incident: Simulated, notification: SlackNotification, setup: Setup) -> None:
    asks = isinstance(notification, SlackPost | SlackThread) and notification.oncall
    channel = setup.channel_of(notification.channel_id)
    if asks and channel is not None and channel not in incident.asked:
        incident.asked.append(channel)


def _owed(incident: Simulated, delay: DelayRecord, _: Setup) -> None:
    if isinstance(delay, DelayScheduled | DelayAlertsAdded):
        incident.is_critical = incident.is_critical or is_critical(delay.payload)
        # The alert itself is most of the bytes, and decides nothing from here on.
        delay = msgspec.structs.replace(delay, payload={})
    # The timer gets them in the order of the alerts, whatever their senders' clocks say.
    latest = incident.delays[-1][0] if incident.delays else 0
    incident.delays.append((max(latest, delay.at_ms), delay))


def _ignored(*_: object) -> None:
    """Nothing that a page could depend on."""


_TAKEN: dict[Topic, Callable[[Simulated, Any, Setup], None]] = {Topic.SLACK_NOTIFICATIONS: _told, Topic.DELAYS: _owed}
