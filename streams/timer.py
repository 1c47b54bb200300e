"""The timer agent: joins deadlines with acknowledgements and, when one passes unacknowledged, emits the page.

One agent over `delays`, `acks` and `ticks` is the only writer of its tables. A tick takes what is due in its own
partition, when what is known of ACKs allows it (`streams.acks`), makes the pages durable, then the tables.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from faust.types import EventT

from streams import metrics
from streams.acks import Acks
from streams.codec import Unusable, decode
from streams.deadlines import DeadlineQueue
from streams.decide.effects import Effect
from streams.decide.escalation import (
    Claimed,
    Deadline,
    DeadlineKind,
    Decision,
    deadline_of,
    on_ack,
    on_delay,
    on_due,
    on_forget,
)
from streams.decide.telling import Escalation, Moment, State
from streams.outbox import Outbox
from streams.quarantine import quarantine
from streams.records import Ack, Cause, Millis, PagerDutyTrigger, PageReason, Tick
from streams.reliable.table import DurableTable
from streams.topics import Topic


log = structlog.get_logger("ackline.streams.timer")

MOST_DUE_AT_ONCE = 500
"""Deadlines that are taken, decided and made durable together."""

_TOLD_ONE_BY_ONE = 20
"""Pages of one batch that get a line each in the log. In a flood the lines would cost as much as the pages do, and the
incident log has every one."""

_ROW = msgspec.msgpack.Decoder(Escalation)
_ENCODER = msgspec.msgpack.Encoder()
_UNCLAIMED = Claimed(acknowledged=None)

Event = EventT[bytes]


@dataclass(frozen=True, slots=True)
class TimerTables:
    """What the timer agent alone writes."""

    escalations: DurableTable
    deadlines: DeadlineQueue

    async def durable(self) -> None:
        """See `DurableTable.durable`. The rows come first: a row is looked at again as long as its deadline is there."""
        await self.escalations.durable()
        await self.deadlines.durable()


@dataclass(slots=True)
class _Row:
    """A row that a batch has touched: as it is in the table, and as it will be."""

    event: Event
    before: Escalation | None
    after: Escalation | None


class Timer:
    """Decides about delays, acknowledgements and deadlines, and makes the decisions durable."""

    def __init__(
        self,
        tables: TimerTables,
        outbox: Outbox,
        acks: Acks,
        *,
        topics: dict[str, Topic],
        new_rounds: bool,
        clock: Callable[[], Millis],
    ) -> None:
        self._tables = tables
        self._outbox = outbox
        self._acks = acks
        self._topics = topics
        self._new_rounds = new_rounds
        self._clock = clock
        self._waiting: dict[int, Event] = {}
        """By partition: the tick whose deadlines wait for ACKs."""
        self.ticked_ms: dict[int, Millis] = {}
        """By partition: what its last finished tick said the time was."""
        self._at_once: set[int] = set()
        """Partitions in which somebody is to be paged without a wait, and that no tick has been read of since."""

    def rewind(self) -> None:
        """Partitions moved: what was read of them, and is in the tables, may be somebody else's doing."""
        self._tables.deadlines.rewind()
        self._acks.rewind()
        self._waiting.clear()
        self._at_once.clear()

    async def process(self, events: Sequence[Event]) -> None:
        """Decide about a batch, in order. When this returns, all that follows from it is durable."""
        batch: list[tuple[Event, Any]] = []
        for event in events:
            record = await self._decoded(event)
            if isinstance(record, Tick):
                await self._decide_records(batch)
                batch = []
                await self._tick(event, record)
            elif record is not None:
                batch.append((event, record))
        await self._decide_records(batch)
        for partition in self._acks.awaited():
            if tick := self._waiting.get(partition):
                await self._decide_when_acks_are_known(tick)

    def take_at_once(self) -> set[int]:
        """Partitions that should have a tick now, since somebody is to be paged without a wait."""
        at_once, self._at_once = self._at_once, set()
        return at_once

    async def _decoded(self, event: Event) -> Any:
        topic = self._topics[event.message.topic]
        try:
            return decode(topic, event.message.value)
        except Unusable as problem:
            await self._bury(event, problem)
            self._note(event)
            return None

    async def _bury(self, event: Event, problem: Unusable) -> None:
        message = event.message
        log.warning(
            "record_unusable",
            reason=str(problem),
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
        )
        await self._outbox.bury(event, str(problem))

    async def _decide_records(self, batch: Iterable[tuple[Event, Any]]) -> None:
        rows: dict[str, _Row] = {}
        effects: list[Effect] = []
        for event, record in batch:
            row = rows.get(record.incident_id) or self._row(event, record.incident_id)
            rows[record.incident_id] = row
            moment = _moment(event, self._clock())
            try:
                with quarantine(moment.cause):
                    decision = self._decide_record(row.after, record, moment)
            except Unusable as problem:
                await self._bury(event, problem)
                continue
            row.after = decision.state
            effects.extend(decision.effects)
        await self._make_durable(rows.values(), effects)
        self._at_once.update(row.event.message.partition for row in rows.values() if _is_paged_at_once(row.after))
        for event, _ in batch:
            self._note(event)

    def _note(self, event: Event) -> None:
        message = event.message
        if self._topics[message.topic] is Topic.ACKS:
            self._acks.read(message.partition, message.offset)

    def _decide_record(self, known: Escalation | None, record: Any, moment: Moment) -> Decision:
        if isinstance(record, Ack):
            metrics.ACKNOWLEDGEMENTS.labels(claim=record.claim).inc()
            return on_ack(known, record, moment)
        return on_delay(known, record, moment, new_rounds=self._new_rounds)

    async def _tick(self, event: Event, tick: Tick) -> None:
        partition = event.message.partition
        if self._tables.deadlines.due(partition, self._clock(), 1):
            await self._decide_when_acks_are_known(event)
        self._at_once.discard(partition)
        self.ticked_ms[partition] = tick.now_ms

    async def _decide_when_acks_are_known(self, tick: Event) -> None:
        partition = tick.message.partition
        if await self._acks.are_known(partition):
            self._waiting.pop(partition, None)
            await self._decide_due(tick)
        else:
            self._waiting[partition] = tick

    async def _decide_due(self, event: Event) -> None:
        partition = event.message.partition
        # Not the tick's own time: after a takeover a tick may be old, and so would be what it finds due, and how late.
        now_ms = self._clock()
        while due := self._tables.deadlines.due(partition, now_ms, MOST_DUE_AT_ONCE):
            await self._decide_deadlines(event, due, _moment(event, now_ms))
            self._tables.deadlines.advance(partition, due[-1])
            if len(due) < MOST_DUE_AT_ONCE:
                break

    async def _decide_deadlines(self, event: Event, due: Sequence[Deadline], moment: Moment) -> None:
        rows = {deadline.incident_id: self._row(event, deadline.incident_id) for deadline in due}
        known = [row.after for row in rows.values() if row.after is not None]
        pending = [escalation for escalation in known if escalation.state is State.PENDING]
        claims = await self._acks.claimed(pending, moment.now_ms)
        effects: list[Effect] = []
        passed: list[Deadline] = []
        for deadline in due:
            row = rows[deadline.incident_id]
            # One that fails stays in the queue for the next start, and the reconciler pages it.
            with suppress(Unusable), quarantine(moment.cause):
                decision = _decide_deadline(deadline, row.after, claims, moment)
                row.after = decision.state
                effects.extend(decision.effects)
                passed.append(deadline)
        await self._make_durable(rows.values(), effects, passed)
        _tell(effects)

    async def _make_durable(
        self, rows: Iterable[_Row], effects: Sequence[Effect], passed: Sequence[Deadline] = ()
    ) -> None:
        await self._outbox.publish(effects)
        rows = list(rows)
        for row in rows:
            self._write(row)
        # After the rows: what has passed is gone even where its row has another deadline by now, or none.
        still_ahead = {deadline_of(row.after) for row in rows}
        for deadline in passed:
            if deadline not in still_ahead:
                self._tables.deadlines.remove(rows[0].event, deadline)
        await self._tables.durable()

    def _write(self, row: _Row) -> None:
        incident_id = (row.after or row.before or _NOTHING).incident_id
        if row.after is not row.before:
            value = _ENCODER.encode(row.after) if row.after is not None else None
            self._tables.escalations.write(row.event, incident_id.encode(), value)
        self._tables.deadlines.replace(row.event, deadline_of(row.before), deadline_of(row.after))

    def _row(self, event: Event, incident_id: str) -> _Row:
        value = self._tables.escalations.read(event, incident_id.encode())
        known = _ROW.decode(value) if value is not None else None
        return _Row(event, known, known)


_NOTHING = Escalation("", "", State.AWAITED, 0)


def _decide_deadline(
    deadline: Deadline, known: Escalation | None, claims: Mapping[str, Claimed], moment: Moment
) -> Decision:
    if deadline.kind is DeadlineKind.PAGE:
        return on_due(known, claims.get(deadline.incident_id, _UNCLAIMED), moment)
    return on_forget(known, moment)


def _is_paged_at_once(known: Escalation | None) -> bool:
    """Not what is merely overdue: after a takeover, what ends it may be the next record but one."""
    return known is not None and known.state is State.PENDING and known.reason is not PageReason.DEADLINE_PASSED


def _moment(event: Event, now_ms: Millis) -> Moment:
    message = event.message
    return Moment(now_ms, Cause(message.topic, message.partition, message.offset))


def _tell(effects: Iterable[Effect]) -> None:
    triggers = [effect.record for effect in effects if isinstance(effect.record, PagerDutyTrigger)]
    for reason, count in Counter(trigger.reason for trigger in triggers).items():
        metrics.PAGES.labels(reason=reason).inc(count)
    for trigger in triggers:
        metrics.LATENESS.observe(_lateness_ms(trigger) / 1000)
    for trigger in triggers[:_TOLD_ONE_BY_ONE]:
        log.info(
            "incident_escalated",
            incident_id=trigger.incident_id,
            reason=trigger.reason,
            lateness_ms=_lateness_ms(trigger),
        )
    if more := triggers[_TOLD_ONE_BY_ONE:]:
        log.info("more_incidents_escalated", count=len(more), lateness_ms=max(map(_lateness_ms, more)))


def _lateness_ms(trigger: PagerDutyTrigger) -> Millis:
    return trigger.at_ms - trigger.due_ms
