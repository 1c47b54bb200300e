"""Judges one partition's ledger: what became of each obligation, and what is wrong. Pure, and without an order.

What another partition may still explain (a dead letter, an alert that was written again elsewhere) is left over, for
`audit.verify` to settle once all of them are read.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from audit.findings import Finding, Kind, Place
from audit.ledger import UNUSABLE, Ledger
from audit.obligation import NOWHERE, Added, Obligation
from audit.outcome import Case, Outcome
from audit.record import Spans
from audit.terms import NEAR_MS, UNTOLD_MS, Terms
from streams.records import Happening
from streams.records.identity import dedup_key
from streams.topics import Topic


_UNANSWERED = {
    Topic.ALERTS: (Kind.UNDECIDED, "nothing was decided about this alert"),
    Topic.SLACK_NOTIFICATIONS: (Kind.UNTOLD, "Slack has neither taken nor refused it"),
    Topic.PAGERDUTY_EVENTS: (Kind.UNDELIVERED, "PagerDuty has not taken it"),
}


@dataclass(slots=True)
class Judgement:
    """What was found in one partition, or in all of them."""

    findings: list[Finding] = field(default_factory=list)
    pending: list[tuple[Place, Finding]] = field(default_factory=list)
    """Findings that another partition may explain, and the record that they are about."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    decisions: Counter[Happening] = field(default_factory=Counter)
    elsewhere: dict[Place, Finding | None] = field(default_factory=dict)
    """Alerts that were decided about in this partition and lie in another one; a finding, should they not be there."""
    unanswered: set[Place] = field(default_factory=set)
    """Alerts that were not decided about in their own partition."""
    empty: set[Place] = field(default_factory=set)
    """Offsets of `alerts` without a record."""
    unjudged: int = 0
    """Obligations that began before the time that is judged."""
    repeated_triggers: int = 0
    """Of a page that PagerDuty had already: it wakes nobody a second time."""
    fallbacks: int = 0
    """Pages through the default key, since their own was refused."""
    decided_ms: "array[int]" = field(default_factory=lambda: array("q"))
    """How late each page was decided."""
    delivered_ms: "array[int]" = field(default_factory=lambda: array("q"))
    """How late each page was delivered."""

    def add(self, other: "Judgement") -> None:
        """Count another partition's in."""
        self.findings += other.findings
        self.pending += other.pending
        self.elsewhere |= other.elsewhere
        self.unanswered |= other.unanswered
        self.empty |= other.empty
        self.outcomes.update(other.outcomes)
        self.decisions.update(other.decisions)
        self.suppressed.update(other.suppressed)
        self.unjudged += other.unjudged
        self.repeated_triggers += other.repeated_triggers
        self.fallbacks += other.fallbacks
        self.decided_ms.extend(other.decided_ms)
        self.delivered_ms.extend(other.delivered_ms)


def judge(ledger: Ledger, terms: Terms, spans: Spans | None) -> Judgement:
    """What one partition's records come to."""
    return _Judge(ledger, terms, spans).judged()


class _Judge:
    def __init__(self, ledger: Ledger, terms: Terms, spans: Spans | None) -> None:
        self._ledger = ledger
        self._terms = terms
        self._spans = spans or {}
        mine = [span for (_, partition), span in self._spans.items() if partition == ledger.partition]
        self._is_whole = terms.from_ms == 0 and all(span.start == 0 for span in mine)
        """Whether there is nothing before what was read: then whatever is not there is missing."""
        self._out = Judgement()

    def judged(self) -> Judgement:
        """All of it."""
        out, ledger = self._out, self._ledger
        out.decisions.update(ledger.decisions)
        out.suppressed["repeated"] += ledger.decisions[Happening.REPEATED]
        out.findings += self._elsewhere()
        for incident, added in ledger.added.items():
            for each in sorted(added.values(), key=_offset):
                out.findings += self._joined(incident, each)
        for row in ledger.rows.values():
            self._judge(row)
        out.findings += self._told()
        out.findings += self._followed()
        out.findings += self._trails()
        return out

    def _judge(self, row: Obligation) -> None:
        out = self._out
        if row.resolved != NOWHERE and row.cancel == NOWHERE and self._is_due(row.resolved_ms):
            place = self._at(Topic.INCIDENT_LOG, row.resolved)
            out.findings.append(Finding(Kind.MISSING, "its end is not in `delays`", (place,), row.incident_id))
        out.suppressed["oncall_off"] += row.opened not in {NOWHERE, row.begun}
        if row.begun == NOWHERE:
            out.findings += self._unowed(row)
            return
        if row.begun_ms < self._terms.from_ms:
            out.unjudged += 1
            return
        first = self._ledger.row(row.incident_id, 1) if row.round > 1 else row
        row.key_name = first.key_name
        earlier = self._ledger.row_of(row.incident_id, row.round - 1)
        case = Case(row, first, earlier, self._terms, self._ledger.partition, self._ledger.trails[Topic.ACKS])
        out.outcomes[case.outcome] += 1
        out.findings += case.findings()
        self._count(row)

    def _count(self, row: Obligation) -> None:
        page = row.page
        if page is None or page.trigger == NOWHERE:
            return
        due_ms = min(page.due_ms, row.due_ms)
        self._out.decided_ms.append(page.at_ms - due_ms)
        self._out.repeated_triggers += page.triggers - 1
        if page.receipt != NOWHERE:
            self._out.delivered_ms.append(page.receipt_ms - due_ms)
            self._out.fallbacks += page.fell_back

    def _unowed(self, row: Obligation) -> Iterator[Finding]:
        """What ended, or has a deadline, without a beginning."""
        first = self._ledger.row_of(row.incident_id, 1)
        is_known = self._is_whole or (first is not None and first.opened != NOWHERE)
        if row.is_paged and is_known and row.page is not None:
            place = self._at(Topic.PAGERDUTY_EVENTS, row.page.trigger)
            yield Finding(
                Kind.UNOWED, "paged, and no deadline of it ever began", (place,), row.incident_id, round=row.round
            )
        if row.scheduled != NOWHERE and self._is_due(row.scheduled_ms):
            place = self._at(Topic.DELAYS, row.scheduled)
            words = "has a deadline, and the incident log does not say that one began"
            due_ms = row.scheduled_due_ms
            yield Finding(Kind.CONTRADICTION, words, (place,), row.incident_id, round=row.round, due_ms=due_ms)

    def _joined(self, incident: str, added: Added) -> Iterator[Finding]:
        """Alerts that were added have begun a round, or share the deadline of one that was pending."""
        begun = self._begun_by(incident, added)
        if begun is not None:
            begun.scheduled_due_ms = added.due_ms
            if begun.round == 1:
                begun.key_name = begun.scheduled_key_name = added.key_name
            return
        pending = self._pending_at(incident, added.timestamp_ms)
        if added.is_refusal:
            # A refusal may overtake the deadline that it brings nearer.
            _bring_nearer(pending or self._ledger.row(incident, 1), added.due_ms)
            return
        if pending is not None:
            _bring_nearer(pending, added.due_ms)
            self._out.suppressed["shared_deadline"] += 1
        elif not self._terms.new_rounds:
            self._out.suppressed["new_rounds_off"] += 1
        elif self._is_judged(incident, added.timestamp_ms):
            words = "alerts were added after its last round had ended, and no new round began"
            place = self._at(Topic.DELAYS, added.offset)
            yield Finding(Kind.LOST, words, (place,), incident, due_ms=added.due_ms)

    def _begun_by(self, incident: str, added: Added) -> Obligation | None:
        if added.is_refusal or not self._ledger.trails[Topic.DELAYS].is_said(added.offset):
            return None
        return next((row for row in self._rounds(incident) if row.scheduled == added.offset), None)

    def _pending_at(self, incident: str, timestamp_ms: int) -> Obligation | None:
        for row in self._rounds(incident):
            has_begun = row.begun != NOWHERE and row.begun_ms <= timestamp_ms + NEAR_MS
            if has_begun and (not row.decided_ms or timestamp_ms <= row.decided_ms + NEAR_MS):
                return row
        return None

    def _rounds(self, incident: str) -> Iterator[Obligation]:
        number = 1
        while row := self._ledger.rows.get(dedup_key(incident, number)):
            yield row
            number += 1

    def _is_judged(self, incident: str, timestamp_ms: int) -> bool:
        first = self._ledger.row_of(incident, 1)
        is_known = first is not None and first.begun != NOWHERE and first.begun_ms >= self._terms.from_ms
        return is_known and timestamp_ms <= self._terms.horizon_ms

    def _told(self) -> Iterator[Finding]:
        """Every alert that was added with on-call on is in `delays` too."""
        for incident, told in self._ledger.told.items():
            known = self._ledger.added.get(incident, {})
            for event, entry in told.items():
                place = self._at(Topic.INCIDENT_LOG, entry.offset)
                if event not in known:
                    if self._is_due(entry.timestamp_ms):
                        words = "alerts were added to it, and they are not in `delays`"
                        yield Finding(Kind.MISSING, words, (place,), incident)
                elif known[event].due_ms != entry.due_ms:
                    words = "alerts were added to it, and their deadline is another in `delays`"
                    places = place, self._at(Topic.DELAYS, known[event].offset)
                    yield Finding(Kind.CONTRADICTION, words, places, incident)

    def _followed(self) -> Iterator[Finding]:
        """PagerDuty drops an acknowledge or a resolve that does not go the way of its trigger."""
        for facts, offset in self._ledger.follows:
            row = self._ledger.row_of(facts.incident_id, facts.round)
            page = row.page if row else None
            place = self._at(Topic.PAGERDUTY_EVENTS, offset)
            if facts.dedup_key != dedup_key(facts.incident_id, facts.round):
                words = "PagerDuty is told about another round than it says"
                yield Finding(Kind.CONTRADICTION, words, (place,), facts.incident_id, round=facts.round)
            if page is not None and page.trigger != NOWHERE and page.routing_key_name != facts.routing_key_name:
                words = "PagerDuty is told through another key than that of the page"
                places = self._at(Topic.PAGERDUTY_EVENTS, page.trigger), place
                yield Finding(Kind.WRONG_KEY, words, places, facts.incident_id, round=facts.round)

    def _trails(self) -> Iterator[Finding]:
        for topic, trail in self._ledger.trails.items():
            self._unanswered(topic)
            for offset, waiting in trail.unseen.items():
                if self._is_read(topic, offset, waiting.timestamp_ms):
                    places = self._at(topic, offset), self._at(Topic.INCIDENT_LOG, waiting.by)
                    words = "the record that this follows from is not there"
                    yield Finding(Kind.MISSING, words, places, **_about(topic, waiting.name))
            for offset, name in trail.disagreeing.items():
                words = "the incident log says that it is about something else"
                yield Finding(Kind.CONTRADICTION, words, (self._at(topic, offset),), **_about(topic, name))
            yield from self._gaps(topic)
        for (topic, offset), incident in self._ledger.misplaced.items():
            words = "its key, its source key and its incident are not of the same problem"
            yield Finding(Kind.CONTRADICTION, words, (self._at(topic, offset),), incident)
        for topic, offset in self._ledger.twice:
            yield Finding(Kind.REPEATED, "was read twice", (self._at(topic, offset),))

    def _elsewhere(self) -> Iterator[Finding]:
        """A producer of its own may put alerts into another partition than ours do. Nothing else lies elsewhere."""
        for cause, record, incident in self._ledger.elsewhere:
            places = cause, self._at(Topic.INCIDENT_LOG, record.offset)
            if cause.topic is not Topic.ALERTS:
                words = "the record that this follows from lies in another partition"
                yield Finding(Kind.CONTRADICTION, words, places, incident)
                continue
            span = self._spans.get((Topic.ALERTS, cause.partition))
            is_read = self._is_due(record.timestamp_ms) and (span is None or span.start <= cause.offset)
            words = "the alert that this follows from is not there"
            self._out.elsewhere[cause] = Finding(Kind.MISSING, words, places, incident) if is_read else None

    def _unanswered(self, topic: Topic) -> None:
        kind, words = _UNANSWERED.get(topic, (Kind.UNDECIDED, "nobody can read it, and it is no dead letter"))
        trail, terms = self._ledger.trails[topic], self._terms
        waiting = {offset: each.timestamp_ms for offset, each in trail.unanswered.items()}
        waiting |= {offset: at_ms for (of, offset), at_ms in self._ledger.unusable.items() if of is topic}
        patience = UNTOLD_MS if topic is Topic.SLACK_NOTIFICATIONS else 0
        for offset, at_ms in waiting.items():
            if topic is Topic.ALERTS:
                self._out.unanswered.add(self._at(topic, offset))
            if terms.from_ms <= at_ms <= terms.horizon_ms - patience:
                name = trail.unanswered[offset].name if offset in trail.unanswered else UNUSABLE
                place = self._at(topic, offset)
                self._out.pending.append((place, Finding(kind, words, (place,), **_about(topic, name))))

    def _gaps(self, topic: Topic) -> Iterator[Finding]:
        """Offsets that nobody has. In `alerts` they may be the marks of other producers' transactions."""
        span = self._spans.get((topic, self._ledger.partition))
        for offset in self._ledger.trails[topic].gaps(span.start if span else None, span.end if span else None):
            place = self._at(topic, offset)
            if topic is Topic.ALERTS:
                self._out.empty.add(place)
            else:
                yield Finding(Kind.MISSING, "the offset has no record", (place,))

    def _is_read(self, topic: Topic, offset: int, said_ms: int) -> bool:
        """Whether a record with this offset, that was spoken of then, would be among those that were read."""
        span = self._spans.get((topic, self._ledger.partition))
        if span is not None and offset < span.end:
            return span.start <= offset
        # Beyond the end is what was written meanwhile, but not for long.
        return (span is not None or self._is_whole) and said_ms <= self._terms.horizon_ms

    def _is_due(self, written_ms: int) -> bool:
        """Whether what was written then is judged, and what follows from it must be there."""
        return self._terms.from_ms <= written_ms <= self._terms.horizon_ms

    def _at(self, topic: Topic, offset: int) -> Place:
        return Place(topic, self._ledger.partition, offset)


def _bring_nearer(row: Obligation, due_ms: int) -> None:
    row.earliest_ms = min(row.earliest_ms or due_ms, due_ms)


def _about(topic: Topic, name: str) -> dict[str, Any]:
    """What a trail's name names: of an alert nothing but its source key is known."""
    if name == UNUSABLE:
        return {}
    return {"source_key" if topic is Topic.ALERTS else "incident_id": name}


def _offset(added: Added) -> int:
    return added.offset
