"""The ledger of one partition: every record goes to the obligation that it is about. The order of topics does not matter.

Nothing is judged here; `audit.judge` does that, once everything is in.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from audit.facts import (
    AckFacts,
    AddedFacts,
    CancelledFacts,
    EndFacts,
    EntryFacts,
    ExpeditedFacts,
    FollowFacts,
    Identified,
    ScheduledFacts,
    TriggerFacts,
    facts_of,
)
from audit.findings import Place
from audit.obligation import NOWHERE, Added, Clicked, Obligation, Page
from audit.record import LogRecord
from audit.trail import Trail
from streams.records import Happening
from streams.records.identity import dedup_key
from streams.topics import Topic, topic_of


UNUSABLE = "(unusable)"
"""The name of a record that cannot be read: a dead letter must follow from it."""

_ANSWERED = {Topic.ALERTS, Topic.SLACK_NOTIFICATIONS, Topic.PAGERDUTY_EVENTS}
_TRAILS = (Topic.ALERTS, Topic.SLACK_NOTIFICATIONS, Topic.DELAYS, Topic.ACKS, Topic.PAGERDUTY_EVENTS,
           Topic.INCIDENT_LOG, Topic.DEAD_LETTERS)  # fmt: skip


class Ledger:
    """One partition's."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.rows: dict[str, Obligation] = {}
        """By dedup key."""
        self.added: defaultdict[str, dict[str, Added]] = defaultdict(dict)
        """By incident and event."""
        self.told: defaultdict[str, dict[str, Added]] = defaultdict(dict)
        """What the incident log says that was added with on-call on, by incident and event."""
        self.trails = {topic: Trail(is_answered=topic in _ANSWERED) for topic in _TRAILS}
        self.unusable: dict[tuple[Topic, int], int] = {}
        """Records that nobody can read, and their times."""
        self.misplaced: dict[tuple[Topic, int], str] = {}
        """Records whose key, source key and incident id are not about the same problem; and the incident."""
        self.follows: list[tuple[FollowFacts, int]] = []
        """What PagerDuty is told after a page, and where that lies."""
        self.twice: set[tuple[Topic, int]] = set()
        """Places that were read twice."""
        self.elsewhere: list[tuple[Place, LogRecord, str]] = []
        """Records of other partitions that entries say they follow from; the entry, and its incident."""
        self.decisions: Counter[Happening] = Counter()
        """How many alerts were decided how."""

    def see_alert(self, record: LogRecord, alert: Identified | None) -> None:
        """Take down an alert that lies under its source key, or that nobody can read."""
        self._see(record, alert.source_key if alert else UNUSABLE)
        if alert is None:
            self.unusable[record.topic, record.offset] = record.timestamp_ms

    def see_moved_alert(self, record: LogRecord) -> bool:
        """Take down that there is an alert which is to be found in another place."""
        is_new = self._see(record, "")
        self.trails[Topic.ALERTS].unanswered.pop(record.offset, None)
        return is_new

    def see(self, record: LogRecord) -> None:
        """Take down any record but an alert."""
        if record.topic is Topic.DEAD_LETTERS:
            self._see(record, "")
            return
        facts = facts_of(record.topic, record.value)
        if not self._see(record, facts.incident_id if facts else UNUSABLE):
            return
        if facts is None:
            self.unusable[record.topic, record.offset] = record.timestamp_ms
            return
        if record.key != facts.source_key.encode() or not facts.incident_id.startswith(f"{facts.source_key}-"):
            self.misplaced[record.topic, record.offset] = facts.incident_id
        note = _NOTES.get(type(facts))
        if note is not None:
            note(self, facts, record)

    def row(self, incident_id: str, number: int) -> Obligation:
        """The obligation of this round."""
        key = dedup_key(incident_id, number)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = Obligation(incident_id, number)
        return row

    def row_of(self, incident_id: str, number: int) -> Obligation | None:
        """The obligation of this round, where anything was said of it."""
        return self.rows.get(dedup_key(incident_id, number))

    def _see(self, record: LogRecord, name: str) -> bool:
        is_new = self.trails[record.topic].see(record.offset, name, record.timestamp_ms)
        if not is_new:
            self.twice.add((record.topic, record.offset))
        return is_new

    def _scheduled(self, facts: ScheduledFacts, record: LogRecord) -> None:
        row = self.row(facts.incident_id, 1)
        if row.scheduled == NOWHERE:
            row.scheduled, row.scheduled_ms = record.offset, record.timestamp_ms
            row.scheduled_due_ms, row.scheduled_key_name = facts.due_ms, facts.routing_key_name

    def _added(self, facts: AddedFacts, record: LogRecord) -> None:
        added = Added(record.offset, record.timestamp_ms, facts.due_ms, facts.routing_key_name)
        self.added[facts.incident_id].setdefault(facts.event_id, added)

    def _expedited(self, facts: ExpeditedFacts, record: LogRecord) -> None:
        refusal = Added(record.offset, record.timestamp_ms, facts.at_ms, is_refusal=True)
        self.added[facts.incident_id].setdefault(f"refusal {record.offset}", refusal)

    def _cancel(self, facts: CancelledFacts, record: LogRecord) -> None:
        row = self.row(facts.incident_id, 1)
        row.cancel = record.offset if row.cancel == NOWHERE else row.cancel

    def _clicked(self, facts: AckFacts, record: LogRecord) -> None:
        row = self.row(facts.incident_id, facts.round)
        if row.clicked is None:
            row.clicked = Clicked(record.offset, facts.at_ms, record.timestamp_ms, facts.claim)

    def _triggered(self, facts: TriggerFacts, record: LogRecord) -> None:
        page = self._page(facts.incident_id, facts.round)
        lateness_ms = facts.at_ms - facts.due_ms
        if page.trigger == NOWHERE:
            page.trigger, page.at_ms, page.due_ms = record.offset, facts.at_ms, facts.due_ms
            page.routing_key_name = facts.routing_key_name
            page.least_due_ms = page.most_due_ms = facts.due_ms
            page.least_lateness_ms = lateness_ms
        elif facts.due_ms != page.due_ms or lateness_ms < 0:
            page.odd = record.offset
        page.triggers += 1
        page.least_due_ms = min(page.least_due_ms, facts.due_ms)
        page.most_due_ms = max(page.most_due_ms, facts.due_ms)
        page.least_lateness_ms = min(page.least_lateness_ms, lateness_ms)
        expected = dedup_key(facts.incident_id, facts.round), page.routing_key_name
        if (facts.dedup_key, facts.routing_key_name) != expected:
            page.strays = (*page.strays, record.offset)

    def _followed(self, facts: FollowFacts, record: LogRecord) -> None:
        self.follows.append((facts, record.offset))

    def _page(self, incident_id: str, number: int) -> Page:
        row = self.row(incident_id, number)
        if row.page is None:
            row.page = Page()
        return row.page

    def _entry(self, entry: EntryFacts, record: LogRecord) -> None:
        self._follow(entry, record)
        row = self.row(entry.incident_id, entry.detail.round)
        note = _ENTRIES.get(entry.what)
        if note is not None:
            note(self, row, entry, record)

    def _follow(self, entry: EntryFacts, record: LogRecord) -> None:
        """Hold the entry against the record that it says it follows from."""
        topic = topic_of(entry.cause.topic)
        if topic is None or topic is Topic.TICKS:
            return
        if entry.cause.partition != self.partition:
            place = Place(topic, entry.cause.partition, entry.cause.offset)
            self.elsewhere.append((place, record, entry.incident_id))
            return
        name = entry.source_key if topic is Topic.ALERTS else entry.incident_id
        is_first = self.trails[topic].say(entry.cause.offset, name, record.timestamp_ms, record.offset)
        if topic is Topic.ALERTS and is_first:
            self.decisions[entry.what] += 1

    def _opened(self, row: Obligation, entry: EntryFacts, record: LogRecord) -> None:
        if row.opened == NOWHERE:
            row.opened = record.offset
        if entry.detail.oncall:
            self._begun(row, entry, record)
            row.key_name = entry.detail.routing_key_name

    def _begun(self, row: Obligation, entry: EntryFacts, record: LogRecord) -> None:
        if row.begun == NOWHERE:
            row.begun, row.begun_ms, row.due_ms = record.offset, record.timestamp_ms, entry.detail.due_ms or 0
            if entry.what is not Happening.OPENED:
                row.scheduled = entry.cause.offset

    def _alerts_added(self, row: Obligation, entry: EntryFacts, record: LogRecord) -> None:
        if entry.detail.oncall:
            told = Added(record.offset, record.timestamp_ms, entry.detail.due_ms or 0)
            self.told[row.incident_id].setdefault(entry.detail.event_id, told)

    def _resolved(self, row: Obligation, _: EntryFacts, record: LogRecord) -> None:
        if row.resolved == NOWHERE:
            row.resolved, row.resolved_ms = record.offset, record.timestamp_ms

    def _acknowledged(self, row: Obligation, entry: EntryFacts, record: LogRecord) -> None:
        if row.acknowledged == NOWHERE:
            row.acknowledged = record.offset
            row.acknowledged_by = entry.cause.offset if topic_of(entry.cause.topic) is Topic.ACKS else NOWHERE
        row.decided_ms = max(row.decided_ms, record.timestamp_ms)

    def _acknowledged_late(self, row: Obligation, _: EntryFacts, record: LogRecord) -> None:
        row.acknowledged_late = record.offset if row.acknowledged_late == NOWHERE else row.acknowledged_late

    def _cancelled(self, row: Obligation, _: EntryFacts, record: LogRecord) -> None:
        row.cancelled = record.offset if row.cancelled == NOWHERE else row.cancelled
        row.decided_ms = max(row.decided_ms, record.timestamp_ms)

    def _escalated(self, row: Obligation, entry: EntryFacts, record: LogRecord) -> None:
        page = self._page(row.incident_id, row.round)
        row.decided_ms = max(row.decided_ms, record.timestamp_ms)
        if page.escalated == NOWHERE:
            page.escalated, page.escalated_due_ms = record.offset, entry.detail.due_ms or 0
            page.escalated_key_name = entry.detail.routing_key_name

    def _taken(self, row: Obligation, entry: EntryFacts, record: LogRecord) -> None:
        if entry.detail.action != "trigger":
            return
        page = self._page(row.incident_id, row.round)
        if page.receipt == NOWHERE:
            page.receipt, page.receipt_ms = record.offset, entry.at_ms
            page.receipt_key_name, page.fell_back = entry.detail.routing_key_name, entry.detail.fallback

    def _refused(self, row: Obligation, entry: EntryFacts, record: LogRecord) -> None:
        if entry.detail.action == "trigger":
            self._page(row.incident_id, row.round).refused = record.offset


_NOTES: dict[type, Callable[[Ledger, Any, LogRecord], None]] = {
    ScheduledFacts: Ledger._scheduled,  # noqa: SLF001
    AddedFacts: Ledger._added,  # noqa: SLF001
    CancelledFacts: Ledger._cancel,  # noqa: SLF001
    ExpeditedFacts: Ledger._expedited,  # noqa: SLF001
    AckFacts: Ledger._clicked,  # noqa: SLF001
    TriggerFacts: Ledger._triggered,  # noqa: SLF001
    FollowFacts: Ledger._followed,  # noqa: SLF001
    EndFacts: Ledger._followed,  # noqa: SLF001
    EntryFacts: Ledger._entry,  # noqa: SLF001
}
_ENTRIES: dict[Happening, Callable[[Ledger, Obligation, EntryFacts, LogRecord], None]] = {
    Happening.OPENED: Ledger._opened,  # noqa: SLF001
    Happening.SCHEDULED: Ledger._begun,  # noqa: SLF001
    Happening.ROUND_BEGUN: Ledger._begun,  # noqa: SLF001
    Happening.ALERTS_ADDED: Ledger._alerts_added,  # noqa: SLF001
    Happening.RESOLVED: Ledger._resolved,  # noqa: SLF001
    Happening.ACKNOWLEDGED: Ledger._acknowledged,  # noqa: SLF001
    Happening.ACKNOWLEDGED_LATE: Ledger._acknowledged_late,  # noqa: SLF001
    Happening.CANCELLED: Ledger._cancelled,  # noqa: SLF001
    Happening.ESCALATED: Ledger._escalated,  # noqa: SLF001
    Happening.PAGERDUTY_DELIVERED: Ledger._taken,  # noqa: SLF001
    Happening.PAGERDUTY_REJECTED: Ledger._refused,  # noqa: SLF001
}
