"""Decides about recorded alerts anew, with today's code, in the order in which they lie in their partition."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from audit.record import LogRecord
from audit.shelf import Shelf
from streams.codec import Unusable
from streams.decide.correlation import Decision, Incident, Policy, correlate
from streams.decide.intake import Intake, complete_alert
from streams.records import Cause
from streams.records.identity import source_key
from streams.topics import Topic, topic_name


PATIENCE_MS = 600_000
"""An alert waits for so long, in the time of the records, for the entry that says when it was decided about."""
_NEVER = 10**13 - 1
_ROW = msgspec.msgpack.Decoder(Incident)
_ENCODER = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Today's settings, as far as decisions depend on them."""

    policy: Policy
    intake: Intake
    topic_prefix: str
    new_rounds: bool
    tells_slack: bool = True
    """Whether anything is told in Slack at all (`alert.slack.enable`)."""


class AlertFold:
    """One partition's alerts, and the incidents that they make."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._topic = topic_name(rules.topic_prefix, Topic.ALERTS)
        self._rows = Shelf()
        self._waiting: deque[LogRecord] = deque()
        self._decided_ms: dict[int, int] = {}

    def add(self, record: LogRecord) -> None:
        """The next alert."""
        self._waiting.append(record)

    def decided(self, offset: int, at_ms: int) -> None:
        """The incident log says when this alert counts as received: no later than when the worker has read it."""
        self._decided_ms.setdefault(offset, at_ms)

    def decisions(self, now_ms: int) -> Iterator[tuple[LogRecord, Decision]]:
        """What today's code decides about the alerts that it is time for."""
        while self._waiting and self._is_ready(self._waiting[0], now_ms):
            record = self._waiting.popleft()
            decision = self._decision(record, self._decided_ms.pop(record.offset, _NEVER))
            if decision is not None:
                yield record, decision

    def rest(self) -> Iterator[tuple[LogRecord, Decision]]:
        """All the others: there are no more records."""
        return self.decisions(_NEVER)

    def _is_ready(self, record: LogRecord, now_ms: int) -> bool:
        return record.offset in self._decided_ms or now_ms - record.timestamp_ms > PATIENCE_MS

    def _decision(self, record: LogRecord, now_ms: int) -> Decision | None:
        cause = Cause(self._topic, record.partition, record.offset)
        try:
            alert = complete_alert(record.value, cause, record.timestamp_ms, now_ms, self._rules.intake)
        except Unusable:
            return None
        key = source_key(alert)
        if record.key != key.encode():
            return None  # it is decided about where it was moved to
        row = self._rows.get(key)
        decision = correlate(_ROW.decode(row) if row else None, alert, cause, self._rules.policy)
        self._rows.put(key, _ENCODER.encode(decision.state) if decision.state else b"")
        return decision
