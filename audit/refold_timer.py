"""Decides about one incident's recorded deadlines and ACKs anew, with today's code.

Between `delays`, `acks` and the ticks Kafka has no order. The incident log shows in which one the worker took them: what
it says follows from a record was decided when it was written. What nothing followed from is taken by its own time.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from streams.decide.effects import Effect
from streams.decide.escalation import Claimed, Decision, on_ack, on_delay, on_due
from streams.decide.telling import Acknowledgement, Escalation, Moment, State
from streams.records import Ack, Cause, DelayRecord, Happening, LogEntry
from streams.topics import Topic


MOST_FORGOTTEN = 16
"""How many decisions a worker that died may have published and not remembered."""


class Input(msgspec.Struct, frozen=True, gc=False):
    """A record of `delays` or `acks`."""

    topic: Topic
    offset: int
    timestamp_ms: int
    record: DelayRecord | Ack


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An entry of the incident log that the timer wrote."""

    topic: Topic
    """Of its cause."""
    offset: int
    """As well."""
    timestamp_ms: int
    log_offset: int
    entry: LogEntry


class Step(msgspec.Struct, frozen=True, order=True, gc=False):
    """One decision: about an input, or about a deadline that has come."""

    time_ms: int
    log_offset: int
    """Of what followed from it, or of what it was taken after or before."""
    rank: int
    input: Input | None = None
    entries: tuple[Entry, ...] = ()


class Refolded(msgspec.Struct, gc=False):
    """What today's code makes of it."""

    start: Escalation | None
    rows: list[tuple[Step, Escalation | None, Escalation | None]]
    """What was known before each step, and after it."""
    effects: list[tuple[Step, Effect]]
    is_early: bool = False
    """Whether something was taken that leaves a trace, and its trace is not there (yet)."""

    @property
    def row(self) -> Escalation | None:
        """What is known in the end."""
        return self.rows[-1][2] if self.rows else self.start


def refold(
    inputs: Iterable[Input], entries: Iterable[Entry], *, new_rounds: bool, start: Escalation | None = None
) -> Refolded:
    """Decide about all of it, in the order in which it was decided about. `start` is what was known before."""
    known = list(entries)
    return _Fold(known, new_rounds, start).of(_steps(list(inputs), known))


class _Fold:
    """One incident on its way through the decisions."""

    def __init__(self, entries: list[Entry], new_rounds: bool, start: Escalation | None) -> None:
        self._entries = entries
        self._new_rounds = new_rounds
        self._waiting: dict[Topic, deque[Step]] = {Topic.DELAYS: deque(), Topic.ACKS: deque()}
        """Inputs that would have left a trace where their time puts them, and have left none: they were taken later."""
        self._out = Refolded(start, [], [])

    def of(self, steps: Iterable[Step]) -> Refolded:
        """All that comes of it."""
        for step in steps:
            if step.entries:
                if step.input is not None:
                    self._take_all(step.input.topic)
                self._take(step, self._decided(step))
            elif step.input is not None:
                self._waiting[step.input.topic].append(step)
            self._take_quiet()
        self._out.is_early = any(self._waiting.values())
        for topic in self._waiting:
            self._take_all(topic)
        return self._out

    def _take_quiet(self) -> None:
        """Take what leaves no trace, in the order of its topic."""
        for waiting in self._waiting.values():
            while waiting and not _traces(decision := self._decision(self._out.row, waiting[0])):
                self._take(waiting.popleft(), decision)

    def _take_all(self, topic: Topic) -> None:
        """Something later of this topic was taken, and so were these."""
        waiting = self._waiting[topic]
        while waiting:
            self._take(waiting[0], self._decision(self._out.row, waiting.popleft()))

    def _take(self, step: Step, decision: Decision) -> None:
        self._out.rows.append((step, self._out.row, decision.state))
        self._out.effects += [(step, effect) for effect in decision.effects]

    def _decided(self, step: Step) -> Decision:
        """The decision that has left these traces. A worker that died with it may have forgotten what it knew before."""
        decision = self._decision(self._out.row, step)
        wanted = {each.entry.what for each in step.entries}
        if not wanted <= _traces(decision):
            for _, before, _ in reversed(self._out.rows[-MOST_FORGOTTEN:]):
                forgetful = self._decision(before, step)
                if wanted <= _traces(forgetful):
                    return forgetful
        return decision

    def _decision(self, row: Escalation | None, step: Step) -> Decision:
        moment = _moment(row, step, self._entries)
        if step.input is None:
            return on_due(row, _claimed(step), moment)
        record = step.input.record
        if isinstance(record, Ack):
            return on_ack(row, record, moment)
        return on_delay(row, record, moment, new_rounds=self._new_rounds)


def _traces(decision: Decision) -> set[Happening]:
    """What a decision says in the incident log."""
    return {effect.record.what for effect in decision.effects if isinstance(effect.record, LogEntry)}


def is_overdue(row: Escalation | None, before_ms: int) -> bool:
    """Whether a page was due before this time, and today's code would have sent it."""
    return row is not None and row.state is State.PENDING and row.due_ms < before_ms


def _steps(inputs: list[Input], entries: list[Entry]) -> list[Step]:
    by_cause: dict[tuple[Topic, int], list[Entry]] = {}
    for entry in sorted(entries, key=_log_offset):
        by_cause.setdefault((entry.topic, entry.offset), []).append(entry)
    steps = [
        Step(*_when(follow), 2, None, tuple(follow)) for (topic, _), follow in by_cause.items() if topic is Topic.TICKS
    ]
    for rank, topic in enumerate((Topic.DELAYS, Topic.ACKS)):
        steps += _of_topic(rank, [each for each in inputs if each.topic is topic], by_cause)
    return sorted(steps, key=_order)


def _of_topic(rank: int, inputs: list[Input], by_cause: dict[tuple[Topic, int], list[Entry]]) -> Iterator[Step]:
    """The inputs of one topic, in its order: those without a trace are where their time puts them between the others."""
    ordered = sorted(inputs, key=_offset)
    follows = [by_cause.get((each.topic, each.offset), []) for each in ordered]
    times = [
        _when(follow) if follow else (each.timestamp_ms, -1) for each, follow in zip(ordered, follows, strict=True)
    ]
    for number in range(1, len(times)):
        if not follows[number]:
            times[number] = max(times[number], times[number - 1])
    for number in range(len(times) - 2, -1, -1):
        if not follows[number]:
            times[number] = min(times[number], times[number + 1])
    for each, follow, (time_ms, log_offset) in zip(ordered, follows, times, strict=True):
        yield Step(time_ms, log_offset, rank, each, tuple(follow))


def _when(entries: list[Entry]) -> tuple[int, int]:
    return entries[0].timestamp_ms, entries[0].log_offset


_AT_THE_MOMENT = {
    Happening.SCHEDULED, Happening.ROUND_BEGUN, Happening.EXPEDITED, Happening.CANCELLED, Happening.ESCALATED,
}  # fmt: skip
"""Entries whose time is the clock that was read for the decision; an ACK's entry has the person's time."""


def _moment(row: Escalation | None, step: Step, entries: Iterable[Entry]) -> Moment:
    """The clock that was read for a decision, and its cause."""
    told = [each.entry.at_ms for each in step.entries if each.entry.what in _AT_THE_MOMENT]
    if not told and row is not None and row.state is State.AWAITED and row.expedited:
        # A refusal by Slack that overtakes a deadline makes it due when the deadline is read, which only its page tells.
        told = [int(each.entry.detail.get("due_ms", 0)) for each in entries if each.entry.what is Happening.ESCALATED]
    return Moment(told[0] if told else step.time_ms, _cause(step))


def _cause(step: Step) -> Cause:
    """What the entry says, where there is one."""
    if step.entries or step.input is None:
        return step.entries[0].entry.cause
    return Cause(str(step.input.topic), 0, step.input.offset)


def _claimed(step: Step) -> Claimed:
    """Whose ACK held the claim when the deadline came, as the entry tells it."""
    acknowledged = [each.entry for each in step.entries if each.entry.what is Happening.ACKNOWLEDGED]
    if not acknowledged:
        return Claimed(None)
    entry = acknowledged[0]
    detail = entry.detail
    return Claimed(
        Acknowledgement(
            str(detail.get("ack_id", "")), str(detail.get("by", "")), entry.at_ms, str(detail.get("via", ""))
        )
    )


def _order(step: Step) -> tuple[int, int, int, int]:
    return step.time_ms, step.log_offset, step.rank, step.input.offset if step.input else 0


def _offset(each: Input) -> int:
    return each.offset


def _log_offset(entry: Entry) -> int:
    return entry.log_offset
