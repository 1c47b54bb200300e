"""Folds the recorded inputs through today's code, and compares every decision with the recorded one.

Nothing differs while the code and the settings are those that decided. A changed rule shows the incidents that it touches,
and no others. Takes the records of one partition after the other, each in the order of time. What began
before the records do cannot be decided anew, and is left out; so is what the reconciler had to page.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator

import msgspec

from audit.findings import Place
from audit.marks import Marks
from audit.record import LogRecord
from audit.refold_alerts import AlertFold, Rules
from audit.refold_timer import Entry, Input, is_overdue, refold
from audit.shelf import Shelf
from audit.terms import Terms
from audit.told import Name, Told, computed, differing, recorded, slim
from streams.codec import Unusable, decode
from streams.decide.effects import Effect
from streams.decide.telling import Escalation
from streams.records import DelayExpedited, Happening, LogEntry
from streams.topics import Topic, topic_of


QUIET_MS = 3_600_000
"""What was not heard of for so long, in the time of the records, is decided about and mostly let go of."""

_ROW = msgspec.msgpack.Decoder(Escalation)
_ENCODER = msgspec.msgpack.Encoder()


class Difference(msgspec.Struct, frozen=True, order=True):
    """Something that today's code does otherwise."""

    kind: str
    incident_id: str
    words: str
    evidence: tuple[Place, ...]


class Recomputed(msgspec.Struct, frozen=True):
    """What the comparison comes to."""

    decisions: int
    """How many records of decisions were compared."""
    left_out: int
    """Incidents that began before the records do, or that the reconciler has paged."""
    differing: dict[str, int]
    differences: tuple[Difference, ...]


class Recomputation:
    """Takes records, and compares in the end."""

    def __init__(self, terms: Terms, rules: Rules, quiet_ms: int = QUIET_MS) -> None:
        self._terms = terms
        self._rules = rules
        self._quiet_ms = quiet_ms
        self._partitions: dict[int, _Partition] = {}
        self._differences: list[Difference] = []
        self._decisions = self._left_out = 0

    def add(self, record: LogRecord) -> None:
        """The next record."""
        known = self._partitions.get(record.partition)
        if known is None:
            known = self._partitions[record.partition] = _Partition(
                record.partition, self._terms, self._rules, self._quiet_ms
            )
        known.add(record)

    def settle(self, partition: int) -> None:
        """All of this partition was read."""
        known = self._partitions.pop(partition, None)
        if known is not None:
            self._differences += known.differences()
            self._decisions += known.compared
            self._left_out += len(known.left_out)

    def report(self) -> Recomputed:
        """What all of it comes to."""
        for partition in sorted(self._partitions):
            self.settle(partition)
        found = sorted(set(self._differences))
        kinds = Counter(each.kind for each in found)
        return Recomputed(self._decisions, self._left_out, dict(sorted(kinds.items())), tuple(found))


class _Partition:
    def __init__(self, number: int, terms: Terms, rules: Rules, quiet_ms: int) -> None:
        self._number = number
        self._quiet_ms = quiet_ms
        self._terms = terms
        self._rules = rules
        self._alerts = AlertFold(rules)
        self._recorded: dict[Name, Told] = {}
        self._computed: dict[Name, Told] = {}
        self._inputs: dict[str, list[Input]] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._first_alert: int | None = None
        self._seen_keys = Marks()
        self._unknown_keys: set[str] = set()
        """Problems of which the first thing that is recorded is not their beginning."""
        self._known_incidents = Marks()
        self._rows = Shelf()
        """What is known of incidents that have been quiet for long: all else about them was compared and let go of."""
        self._touched: OrderedDict[str, int] = OrderedDict()
        """Of all others: when they were last heard of, the longest ago first."""
        self._done = Marks()
        """By the name of what was compared: what may not change when it is sent again."""
        self._unequal: list[tuple[Told, Difference]] = []
        self.left_out: set[str] = set()
        self.compared = 0

    def add(self, record: LogRecord) -> None:
        if record.topic is Topic.ALERTS:
            self._first_alert = record.offset if self._first_alert is None else self._first_alert
            self._alerts.add(record)
        elif record.topic in {Topic.DELAYS, Topic.ACKS, Topic.SLACK_NOTIFICATIONS, Topic.PAGERDUTY_EVENTS}:
            self._add(record)
        elif record.topic is Topic.INCIDENT_LOG:
            self._log(record)
        for alert, decision in self._alerts.decisions(record.timestamp_ms):
            self._compute(decision.effects, self._place(alert), alert.timestamp_ms)
        self._close(record.timestamp_ms - self._quiet_ms)

    def differences(self) -> Iterator[Difference]:
        """All of them; the partition is done with."""
        for alert, decision in self._alerts.rest():
            self._compute(decision.effects, self._place(alert), alert.timestamp_ms)
        for incident in list(self._touched):
            self._refold(incident, is_last=True)
        self._leave_out()
        found = [*self._overdue(), *[difference for _, difference in self._unequal]]
        yield from (each for each in found if each.incident_id not in self.left_out)
        for name in sorted(self._recorded.keys() | self._computed.keys()):
            self.compared += 1
            yield from self._alone(self._recorded.get(name), self._computed.get(name))

    def _add(self, record: LogRecord) -> None:
        try:
            decoded = decode(record.topic, record.value)
        except Unusable:
            return
        slimmed = slim(decoded)
        if record.topic in {Topic.DELAYS, Topic.ACKS}:
            each = Input(record.topic, record.offset, record.timestamp_ms, slimmed)
            self._inputs.setdefault(decoded.incident_id, []).append(each)
            self._touch(decoded.incident_id, record.timestamp_ms)
        if record.topic is not Topic.ACKS and not isinstance(decoded, DelayExpedited):
            self._record(recorded(record, decoded, slimmed, None))

    def _log(self, record: LogRecord) -> None:
        try:
            entry: LogEntry = decode(record.topic, record.value)
        except Unusable:
            return
        topic = topic_of(entry.cause.topic) or Topic.TICKS
        if entry.role == "fan-out":
            self._begin(entry)
            self._alerts.decided(entry.cause.offset, entry.at_ms)
            cause = Place(Topic.ALERTS, entry.cause.partition, entry.cause.offset)
            self._record(recorded(record, entry, entry, cause))
        elif entry.role == "timer":
            each = Entry(topic, entry.cause.offset, record.timestamp_ms, record.offset, entry)
            self._entries.setdefault(entry.incident_id, []).append(each)
            self._touch(entry.incident_id, record.timestamp_ms)
            cause = Place(topic, entry.cause.partition, entry.cause.offset)
            self._record(recorded(record, entry, entry, cause))
        elif entry.role == "reconciler":
            self.left_out.add(entry.incident_id)

    def _begin(self, entry: LogEntry) -> None:
        begins = entry.what in {Happening.OPENED, Happening.NOTED}
        is_read = self._first_alert is not None and entry.cause.offset >= self._first_alert
        if entry.source_key not in self._seen_keys:
            self._seen_keys.set(entry.source_key)
            if not (begins and is_read):
                self._unknown_keys.add(entry.source_key)
        if begins and is_read:
            self._known_incidents.set(entry.incident_id)

    def _touch(self, incident: str, timestamp_ms: int) -> None:
        self._touched[incident] = timestamp_ms
        self._touched.move_to_end(incident)

    def _close(self, before_ms: int) -> None:
        """Decide about incidents that have been quiet since then, and keep of them what their next decision needs."""
        while self._touched:
            incident, timestamp_ms = next(iter(self._touched.items()))
            if timestamp_ms >= before_ms:
                return
            if not self._refold(incident, is_last=False):
                self._touch(incident, before_ms + self._quiet_ms)

    def _record(self, each: Told) -> None:
        if (mine := self._computed.pop(each.name, None)) is not None:
            self._compare(each, mine)
            return
        done = self._done.get(each.name)
        first = self._recorded.setdefault(each.name, each) if done is None else None
        # What a worker sends again after its predecessor's death may be later, and about more alerts.
        if each.unchanging != (first.unchanging if first else done):
            self._unequal.append((each, _difference("twice", "is recorded twice, and not alike", each, first)))

    def _compute(self, effects: tuple[Effect, ...], cause: Place, timestamp_ms: int) -> None:
        for effect in effects:
            if effect.topic is not Topic.SLACK_NOTIFICATIONS or self._rules.tells_slack:
                each = computed(effect.record, cause, timestamp_ms)
                if (theirs := self._recorded.pop(each.name, None)) is not None:
                    self._compare(theirs, each)
                elif each.name not in self._done:
                    self._computed.setdefault(each.name, each)

    def _compare(self, theirs: Told, mine: Told) -> None:
        """Compare what is recorded with what is computed; both are let go of."""
        self._done.set(theirs.name, theirs.unchanging)
        self.compared += 1
        if fields := differing(theirs.value, mine.value):
            self._unequal.append((theirs, _difference("otherwise", f"differs in {', '.join(fields)}", theirs)))

    def _refold(self, incident: str, *, is_last: bool) -> bool:
        """Decide about what was heard of an incident; false where it is too early for that."""
        row = self._rows.get(incident)
        found = refold(
            self._inputs.get(incident, ()), self._entries.get(incident, ()), new_rounds=self._rules.new_rounds,
            start=_ROW.decode(row) if row else None,
        )  # fmt: skip
        if found.is_early and not is_last:
            return False
        for step, effect in found.effects:
            place = step.input or step.entries[0]
            self._compute((effect,), Place(place.topic, self._number, place.offset), step.time_ms)
        self._rows.put(incident, _ENCODER.encode(found.row) if found.row else b"")
        for kept in (self._inputs, self._entries, self._touched):
            kept.pop(incident, None)
        return True

    def _overdue(self) -> Iterator[Difference]:
        for row in map(_ROW.decode, self._rows.values()):
            if is_overdue(row, self._terms.horizon_ms):
                words = f"round {row.round} was due at {row.due_ms} (milliseconds), and today it is paged"
                yield Difference("paged: not recorded", row.incident_id, words, ())

    def _alone(self, recorded: Told | None, computed: Told | None) -> Iterator[Difference]:
        if recorded is not None:
            yield _difference("not today", "is recorded, and today it is not decided", recorded)
        elif computed is not None and computed.timestamp_ms <= self._terms.horizon_ms:
            yield _difference("not recorded", "is decided today, and not recorded", computed)

    def _leave_out(self) -> None:
        """Forget what cannot be compared."""
        for tolds in (self._recorded, self._computed):
            unknown = [each for each in tolds.values() if self._is_left_out(each)]
            if tolds is self._recorded:
                unknown += [each for each, _ in self._unequal if self._is_left_out(each)]
                self.left_out |= {each.incident_id for each in unknown}
            unknown += [each for each in tolds.values() if each.incident_id in self.left_out]
            for each in unknown:
                tolds.pop(each.name, None)

    def _is_left_out(self, each: Told) -> bool:
        if self._terms.from_ms == 0:
            return False  # there is nothing before what was read
        of_alert = each.cause is not None and each.cause.topic is Topic.ALERTS
        return each.source_key in self._unknown_keys or not (of_alert or each.incident_id in self._known_incidents)

    def _place(self, record: LogRecord) -> Place:
        return Place(record.topic, record.partition, record.offset)


def _kind(each: Told) -> str:
    """What it is, in a word or two."""
    record = msgspec.json.decode(each.value)
    return str(record.get("what") or f"{each.name[0]} {record.get('status') or record['type']}")


def _difference(how: str, words: str, each: Told, other: Told | None = None) -> Difference:
    places = _places(each) + (_places(other) if other else ())
    return Difference(f"{_kind(each)}: {how}", each.incident_id, words, places)


def _places(each: Told) -> tuple[Place, ...]:
    return tuple(place for place in (each.place, each.cause) if place is not None)
