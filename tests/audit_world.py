"""A whole pipeline of pure decisions in virtual time, which leaves the records that a real one leaves.

Alerts, ACKs, a Redis that can be away, refusals by Slack and PagerDuty, workers that die between their effects and
their state: the story is told by calls, and `records` is what lies in the topics afterwards.
"""

import zlib

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from audit.record import LogRecord
from audit.terms import Terms
from streams.codec import encode
from streams.decide.correlation import Incident, Policy, correlate
from streams.decide.effects import Effect
from streams.decide.escalation import Claimed, DeadlineKind, Decision, deadline_of, on_ack, on_delay, on_due
from streams.decide.telling import Acknowledgement, Escalation, Moment
from streams.records import (
    Ack,
    AckClaim,
    AlertEvent,
    Cause,
    DelayExpedited,
    Happening,
    LogEntry,
    PagerDutyTrigger,
    SlackPost,
)
from streams.records.dead_letter import letter_of
from streams.records.identity import source_key
from streams.topics import Topic, topic_name


PREFIX = "ackline."
POLICY = Policy(secret=b"s" * 32, quiet_after_ms=5 * 3600_000, oncall=True, can_page=True, wait_minutes=3)
BEGIN = 1_700_000_000_000
MINUTE = 60_000


class World:
    """Ingest, streams, notifiers and Redis in one."""

    def __init__(
        self, partitions: int = 1, *, prefix: str = PREFIX, policy: Policy = POLICY, begin: int = BEGIN
    ) -> None:
        self.now = begin
        self.prefix = prefix
        self.policy = policy
        self.partitions = partitions
        self.logs: dict[tuple[Topic, int], list[LogRecord]] = defaultdict(list)
        self.incidents: dict[str, Incident] = {}
        self.rows: dict[str, Escalation] = {}
        self.claims: dict[tuple[str, int], str] = {}
        self.redis = self.slack = self.pagerduty = True
        self.awake = True
        self.stumbles = False
        """Whether the timer dies with its next decision: published, and forgotten."""
        self._unread: dict[Topic, list[tuple[Any, LogRecord]]] = {Topic.DELAYS: [], Topic.ACKS: []}
        self._acks = self._events = 0

    def fire(self, name: str, alerts: Iterable[str] = ("a",), status: str = "firing", **options: Any) -> str:
        """An alert of this group comes in; returns the incident that it belongs to."""
        self._events += 1
        payload = {
            "labels": options.pop("labels", {}),
            "title": name,
            "status": status,
            "alerts": [{"fingerprint": each, "status": status} for each in alerts],
        }
        given = {"event_id": f"event-{self._events}", "received_ms": self.now, "dedup_key": name, **options}
        return self.deliver(AlertEvent(payload=payload, **given))

    def deliver(self, alert: AlertEvent) -> str:
        """An alert comes in just as it is, under its source key."""
        key = source_key(alert)
        record = self._write(Topic.ALERTS, key, encode(alert))
        self.now += 1
        decision = correlate(self.incidents.get(key), alert, self._cause(record), self.policy)
        self._publish(decision.effects)
        if decision.state is not None:
            self.incidents[key] = decision.state
        return decision.incident_id

    def resolve(self, name: str) -> None:
        """Its sender says that it is over."""
        self.fire(name, status="resolved")

    def ack(self, incident: str) -> None:
        """Somebody clicks."""
        row = self.rows.get(incident)
        number = row.round if row else 1
        claim = AckClaim.UNKNOWN
        if self.redis:
            held = self.claims.setdefault((incident, number), f"ack{self._acks}")
            won = AckClaim.WON if held == f"ack{self._acks}" else AckClaim.ALREADY_ACKNOWLEDGED
            claim = AckClaim.ALREADY_ESCALATED if held == "page" else won
        key = incident.partition("-")[0]
        ack = Ack(ack_id=f"ack-{self._acks}", incident_id=incident, source_key=key, at_ms=self.now, by="ann", via="link",
                  round=number, claim=claim)  # fmt: skip
        self._acks += 1
        record = self._write(Topic.ACKS, key, encode(ack))
        self.now += 1
        self._decide(ack, record)

    def wait(self, ms: int) -> None:
        """Time passes, and what is due is paged."""
        until = self.now + ms
        while self.awake and (
            due := min(((row.due_ms, name) for name, row in self.rows.items() if _is_due(row, until)), default=None)
        ):
            self.now = max(self.now, due[0]) + 100
            self.page(due[1])
        self.now = max(until, self.now)

    def page(self, incident: str, *, dies: bool = False) -> None:
        """The deadline has come; the worker may die before it remembers."""
        row = self.rows[incident]
        record = self._write(Topic.TICKS, None, b"{}")
        held = self.claims.setdefault((incident, row.round), "page") if self.redis else "page"
        claimed = Claimed(None if held == "page" else Acknowledgement("", "ann", self.now, "claim"))
        self._settle(incident, on_due(row, claimed, self._moment(record)), dies=dies)

    def refuse(self, incident: str, event: str) -> None:
        """Slack takes no message about it."""
        key = incident.partition("-")[0]
        refusal = DelayExpedited(event_id=event, incident_id=incident, source_key=key, at_ms=self.now, reason="refused")
        self._decide(refusal, self._write(Topic.DELAYS, key, encode(refusal)))

    def sleep(self) -> None:
        """No worker is there."""
        self.awake = False

    def stumble(self) -> None:
        """The worker will die with its next decision."""
        self.stumbles = self.awake

    def wake(self, order: Iterable[str]) -> None:
        """A worker is there again, and takes what has come meanwhile, one topic after the other."""
        self.awake = True
        for topic in order:
            if topic == "ticks":
                self.wait(0)
                continue
            unread, self._unread[Topic(topic)] = self._unread[Topic(topic)], []
            for record, at in unread:
                self._decide(record, at)

    def junk(self, topic: Topic, value: bytes = b"no json") -> None:
        """Somebody writes what nobody can read; it becomes a dead letter."""
        record = self._write(topic, "junk", value)
        self._bury(record, "unusable")

    @property
    def records(self) -> list[LogRecord]:
        """All of them, by partition and time."""
        order = tuple(Topic)
        everything = [record for log in self.logs.values() for record in log if record.topic is not Topic.TICKS]
        return sorted(
            everything, key=lambda each: (each.partition, each.timestamp_ms, order.index(each.topic), each.offset)
        )

    @property
    def terms(self) -> Terms:
        """A day after the story."""
        return Terms(as_of_ms=self.now + 24 * 60 * MINUTE, secret=self.policy.secret,
                     late_after_ms=24 * 60 * MINUTE)  # fmt: skip

    def _write(
        self, topic: Topic, key: str | None, value: bytes, headers: Iterable[tuple[str, bytes]] = ()
    ) -> LogRecord:
        partition = zlib.crc32((key or "").encode()) % self.partitions
        log = self.logs[topic, partition]
        record = LogRecord(topic, partition, len(log), self.now, key.encode() if key else None, value, tuple(headers))
        log.append(record)
        return record

    def _publish(self, effects: Iterable[Effect]) -> None:
        written = [(effect.record, self._write(effect.topic, effect.key, encode(effect.record))) for effect in effects]
        self.now += 1
        for record, at in written:
            if at.topic is Topic.DELAYS:
                self._decide(record, at)
        for record, at in written:
            if at.topic is Topic.SLACK_NOTIFICATIONS:
                self._tell(record, at)
            if at.topic is Topic.PAGERDUTY_EVENTS:
                self._deliver(record, at)

    def _decide(self, record: Any, at: LogRecord) -> None:
        """The timer takes it, now or when it is there again."""
        if not self.awake:
            self._unread[at.topic].append((record, at))
            return
        row, moment = self.rows.get(record.incident_id), self._moment(at)
        is_ack = isinstance(record, Ack)
        decision = on_ack(row, record, moment) if is_ack else on_delay(row, record, moment, new_rounds=True)
        if self.stumbles:
            self.stumbles = self.awake = False
            self._unread[at.topic].append((record, at))
            self._settle(record.incident_id, decision, dies=True)
        else:
            self._settle(record.incident_id, decision)

    def _settle(self, incident: str, decision: Decision, *, dies: bool = False) -> None:
        self._publish(decision.effects)
        if decision.state is not None and not dies:
            self.rows[incident] = decision.state

    def _tell(self, record: Any, at: LogRecord) -> None:
        if self.slack:
            self._log(record, "slack", Happening.SLACK_DELIVERED, at, kind=type(record).__name__)
            return
        if isinstance(record, SlackPost) and record.oncall:
            self.refuse(record.incident_id, record.notification_id)
        self._bury(at, "refused")
        self._log(record, "slack", Happening.SLACK_REJECTED, at)

    def _deliver(self, record: Any, at: LogRecord) -> None:
        action = record.__struct_config__.tag
        detail = {"action": action, "round": record.round, "dedup_key": record.dedup_key}
        if record.routing_key_name and self.pagerduty:
            detail["routing_key_name"] = record.routing_key_name
        if isinstance(record, PagerDutyTrigger):
            detail["lateness_ms"] = self.now - record.due_ms
        if not self.pagerduty:
            self._bury(at, "refused")
        what = Happening.PAGERDUTY_DELIVERED if self.pagerduty else Happening.PAGERDUTY_REJECTED
        self._log(record, "pagerduty", what, at, **detail)

    def _log(self, record: Any, role: str, what: Happening, at: LogRecord, **detail: Any) -> None:
        entry = LogEntry(incident_id=record.incident_id, source_key=record.source_key, at_ms=self.now, role=role, what=what,
                         cause=self._cause(at), detail=detail)  # fmt: skip
        self._write(Topic.INCIDENT_LOG, record.source_key, encode(entry))

    def _bury(self, record: LogRecord, reason: str) -> None:
        letter = letter_of(_Message(record, self.prefix), reason)
        self._write(Topic.DEAD_LETTERS, (letter.key or b"").decode(), letter.value, letter.headers)

    def _cause(self, record: LogRecord) -> Cause:
        return Cause(topic_name(self.prefix, record.topic), record.partition, record.offset)

    def _moment(self, record: LogRecord) -> Moment:
        return Moment(self.now, self._cause(record))


class _Message:
    """A record as Kafka's clients have it."""

    def __init__(self, record: LogRecord, prefix: str) -> None:
        self.topic = topic_name(prefix, record.topic)
        self.partition, self.offset = record.partition, record.offset
        self.key, self.value, self.headers = record.key, record.value, record.headers


def _is_due(row: Escalation, until: int) -> bool:
    deadline = deadline_of(row)
    return deadline is not None and deadline.kind is DeadlineKind.PAGE and deadline.due_ms <= until


def changed(record: LogRecord, **fields: Any) -> LogRecord:
    """A record whose value says something else in these fields."""
    value: dict[str, Any] = msgspec.json.decode(record.value)
    return msgspec.structs.replace(record, value=msgspec.json.encode({**value, **fields}))
