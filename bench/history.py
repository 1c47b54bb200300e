"""A history of incidents as the pipeline records it, made by the pure decisions: as many as are wanted, one at a time.

Half of them are acknowledged, half are paged; each alert is about a problem of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from zlib import crc32

from audit.bundle_lines import RecordLine, to_text
from bench.alerts import name
from streams.codec import encode
from streams.decide.correlation import Policy, correlate
from streams.decide.effects import Effect
from streams.decide.escalation import Claimed, Decision, on_ack, on_delay, on_due
from streams.decide.telling import Escalation, Moment
from streams.records import Ack, AckClaim, AlertEvent, Cause, Happening, LogEntry, PagerDutyTrigger
from streams.records.identity import source_key
from streams.topics import Topic, topic_name


_EVERY_MS = 100
_ACKED_AFTER_MS = 2_000
_ROLES = {Topic.SLACK_NOTIFICATIONS: "slack", Topic.PAGERDUTY_EVENTS: "pagerduty"}


class History:
    """Writes down what becomes of one incident after the other, each some time after the one before."""

    def __init__(
        self, prefix: str, partitions: int, policy: Policy, begin_ms: int, body: Callable[[str], dict[str, Any]]
    ) -> None:
        """`body`: of the alert of this name."""
        self._prefix = prefix
        self._partitions = partitions
        self._policy = policy
        self._begin_ms = begin_ms
        self._body = body
        self._offsets: Counter[tuple[Topic, int]] = Counter()
        self._written: list[RecordLine] = []

    def incidents(self, numbers: Iterable[int]) -> Iterator[RecordLine]:
        """All records about them."""
        for number in numbers:
            self._incident(number, self._begin_ms + number * _EVERY_MS)
            yield from self._written
            self._written.clear()

    def _incident(self, number: int, now: int) -> None:
        alert = AlertEvent(
            payload=self._body(name(number)), event_id=f"e{number}", received_ms=now, dedup_key=name(number)
        )
        key = source_key(alert)
        opened = correlate(None, alert, self._write(Topic.ALERTS, key, encode(alert), now), self._policy)
        row: Escalation | None = None
        for record, cause in self._publish(opened.effects, now + 5):
            row = self._settled(on_delay(row, record, Moment(now + 8, cause), new_rounds=True), now + 8)
        assert row is not None
        if number % 2:
            at = row.due_ms + 50
            tick = Cause(topic_name(self._prefix, Topic.TICKS), crc32(key.encode()) % self._partitions, number)
            self._settled(on_due(row, Claimed(None), Moment(at, tick)), at)
        else:
            at = now + _ACKED_AFTER_MS
            ack = Ack(ack_id=f"a{number}", incident_id=opened.incident_id, source_key=key, at_ms=at, by="ann", via="link",
                      claim=AckClaim.WON)  # fmt: skip
            cause = self._write(Topic.ACKS, key, encode(ack), at)
            self._settled(on_ack(row, ack, Moment(at, cause)), at + 1)

    def _settled(self, decision: Decision, now: int) -> Escalation | None:
        for _ in self._publish(decision.effects, now):
            pass
        return decision.state

    def _publish(self, effects: Iterable[Effect], now: int) -> Iterator[tuple[Any, Cause]]:
        """Write all of it, and the receipts for it; gives the deadlines."""
        written = [(each, self._write(each.topic, each.key, encode(each.record), now)) for each in effects]
        for each, cause in written:
            if each.topic in _ROLES:
                self._receipt(each.topic, each.record, cause, now + 20)
        yield from [(each.record, cause) for each, cause in written if each.topic is Topic.DELAYS]

    def _receipt(self, topic: Topic, record: Any, cause: Cause, now: int) -> None:
        detail: dict[str, Any] = {"kind": record.__struct_config__.tag}
        what = Happening.SLACK_DELIVERED
        if isinstance(record, PagerDutyTrigger):
            what = Happening.PAGERDUTY_DELIVERED
            detail = {
                "action": "trigger",
                "round": 1,
                "dedup_key": record.dedup_key,
                "lateness_ms": now - record.due_ms,
            }
        entry = LogEntry(incident_id=record.incident_id, source_key=record.source_key, at_ms=now, role=_ROLES[topic],
                         what=what, cause=cause, detail=detail)  # fmt: skip
        self._write(Topic.INCIDENT_LOG, record.source_key, encode(entry), now)

    def _write(self, topic: Topic, key: str, value: bytes, now: int) -> Cause:
        partition = crc32(key.encode()) % self._partitions
        offset = self._offsets[topic, partition]
        self._offsets[topic, partition] += 1
        self._written.append(
            RecordLine(topic=topic, partition=partition, offset=offset, timestamp_ms=now, key=key, value=to_text(value))
        )
        return Cause(topic_name(self._prefix, topic), partition, offset)
