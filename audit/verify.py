"""Proves the ledger: every accepted firing alert with on-call on has ended exactly once, or is not due yet.

Takes the records in any order of partitions and topics (each topic's own order kept), from Kafka or from an export alike.
A partition that is known to be whole is judged and let go of, so that memory is bounded by one partition's incidents. The
same records and terms give the same report, byte for byte.
"""

import hashlib

from array import array
from collections import Counter

from audit.facts import Identified, identified
from audit.findings import Finding, Kind, Place, in_order
from audit.judge import Judgement, judge
from audit.ledger import Ledger
from audit.record import LogRecord, Spans
from audit.report import Report, report_of
from audit.terms import Terms
from streams.records.dead_letter import noted_offset, origin_of
from streams.topics import Topic, topic_name


class Verification:
    """Takes records, and judges them in the end."""

    def __init__(self, terms: Terms, spans: Spans | None = None) -> None:
        """`spans`: what was to be read. Without them, what is missing at the ends cannot be seen."""
        self._terms = terms
        self._spans = spans
        self._ledgers: dict[int, Ledger] = {}
        self._settled: set[int] = set()
        self._judged = Judgement()
        self._counts: Counter[Topic] = Counter()
        self._letters: set[Place] = set()
        self._moved: list[tuple[int, int, LogRecord]] = []
        """Alerts under another key than their source key: token, time, and the record without its bytes."""
        self._arrived = array("Q")
        """Tokens of alerts under their source key."""
        self._alerts = topic_name(terms.topic_prefix, Topic.ALERTS)

    def add(self, record: LogRecord) -> None:
        """The next record."""
        self._counts[record.topic] += 1
        ledger = self._ledgers.get(record.partition)
        if ledger is None:
            ledger = self._ledgers[record.partition] = Ledger(record.partition)
        if record.topic is Topic.ALERTS:
            self._alert(record, ledger)
        elif record.topic is not Topic.TICKS:
            ledger.see(record)
            if record.topic is Topic.DEAD_LETTERS:
                self._letter(record)

    def settle(self, partition: int) -> None:
        """All of this partition was read: judge it, and let go of it."""
        self._settled.add(partition)
        ledger = self._ledgers.pop(partition, None) or Ledger(partition)
        self._judged.add(judge(ledger, self._terms, self._spans))

    def report(self) -> Report:
        """What all of it comes to."""
        expected = {partition for _, partition in self._spans or {}} - self._settled
        for partition in sorted(self._ledgers.keys() | expected):
            self.settle(partition)
        findings = [*self._judged.findings, *self._unexplained(), *self._unmoved()]
        return report_of(self._judged, in_order(findings), self._counts, self._terms, len(self._moved))

    def _alert(self, record: LogRecord, ledger: Ledger) -> None:
        alert = identified(record.value, (self._alerts, record.partition, record.offset), self._terms.secret)
        if alert is None or record.key == alert.source_key.encode():
            ledger.see_alert(record, alert)
            self._arrived.append(_token(alert) if alert else 0)
        elif ledger.see_moved_alert(record):
            token = _token(alert) if alert.event_id else 0
            bare = LogRecord(record.topic, record.partition, record.offset, record.timestamp_ms, None, b"", ())
            self._moved.append((token, record.timestamp_ms, bare))

    def _letter(self, record: LogRecord) -> None:
        origin = origin_of(record.headers)
        topic = next((each for each in Topic if topic_name(self._terms.topic_prefix, each) == origin.topic), None)
        if (
            noted_offset(record.headers) is None
            and topic
            and origin.partition is not None
            and origin.offset is not None
        ):
            self._letters.add(Place(topic, origin.partition, origin.offset))

    def _unexplained(self) -> list[Finding]:
        """What no other partition has explained either."""
        judged = self._judged
        explained = judged.elsewhere.keys() | self._letters
        words = "a dead letter was made of this record, and it is not there"
        missing = [Finding(Kind.MISSING, words, (place,)) for place in judged.empty & self._letters]
        missing += [
            finding for place, finding in judged.elsewhere.items() if finding and place not in judged.unanswered
        ]
        return missing + [finding for place, finding in judged.pending if place not in explained]

    def _unmoved(self) -> list[Finding]:
        """Alerts that were to be written again under their source key, and were not."""
        arrived = {token for token, _, _ in self._moved}.intersection(self._arrived)
        terms, found = self._terms, []
        for token, at_ms, record in self._moved:
            is_there = not token or token in arrived
            if not is_there and terms.from_ms <= at_ms <= terms.horizon_ms:
                words = "this alert was not written again under its source key"
                found.append(Finding(Kind.UNDECIDED, words, (Place(record.topic, record.partition, record.offset),)))
        return found


def _token(alert: Identified) -> int:
    """One number for one event of one problem; two events with the same are as likely as a collision of 64 bits."""
    digest = hashlib.blake2b(f"{alert.source_key} {alert.event_id}".encode(errors="surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") or 1
