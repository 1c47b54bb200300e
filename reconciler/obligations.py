"""Who is owed a page, and when. Pure; written anew from the contract, and not from the timer agent's code.

An obligation is opened by an incident's deadline, comes nearer with alerts that are added to it, and is settled by an
ACK, a cancellation or a page. Alerts that are added after that begin the next round, an obligation of its own. Only
small facts are kept of each: the alert itself lies in Kafka, at the place that the obligation names.

Records are to be given in the order of their times. Between topics there is no other order, and two records that were
written at nearly the same time have none: what was added that near to an ACK counts as acknowledged with it.
"""

import heapq

from collections import deque
from dataclasses import dataclass

import msgspec

from streams.records import (
    Ack,
    AckClaim,
    DelayAlertsAdded,
    DelayCancelled,
    DelayExpedited,
    DelayRecord,
    DelayScheduled,
    Millis,
    PagerDutyEvent,
    PagerDutyTrigger,
)


NEAR_MS = 2_000
"""Clocks of machines differ by less, and so do the orders in which two readers find what is written meanwhile."""

_REMEMBERED_EVENTS = 16

Told = DelayRecord | Ack | PagerDutyEvent


@dataclass(frozen=True, slots=True)
class Seen:
    """A record, when Kafka got it, and where it lies."""

    record: Told
    at_ms: Millis
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Obligation:
    """A page that is owed unless somebody acknowledges."""

    incident_id: str
    round: int
    due_ms: Millis
    routing_key_name: str | None
    partition: int
    offset: int
    """Where the newest delay record lies, which has the alert in it."""


class _Row(msgspec.Struct, gc=False):
    """What is known of an incident. Round 0: it was spoken of before its deadline came."""

    round: int
    is_open: bool
    due_ms: Millis = 0
    settled_ms: Millis = 0
    """When its last round was acknowledged, cancelled or paged."""
    routing_key_name: str | None = None
    partition: int = 0
    offset: int = 0
    events: tuple[int, ...] = ()
    """Hashes of the events that were counted in, since a worker that died sends them again."""


class Obligations:
    """Everything that is owed, and what must be remembered of the rest."""

    def __init__(self, *, new_rounds: bool) -> None:
        self._new_rounds = new_rounds
        self._rows: dict[str, _Row] = {}
        # Both hold what was true when it was put there; what has changed since is left out when its turn comes.
        self._queue: list[tuple[Millis, str]] = []
        self._settled: deque[tuple[Millis, str]] = deque()
        self.pending = 0
        """How many are open."""

    def apply(self, seen: Seen) -> None:
        """Count one record in."""
        match seen.record:
            case DelayScheduled() | DelayAlertsAdded() | DelayCancelled() | DelayExpedited() as delay:
                self._delayed(delay, seen)
            case Ack() as ack:
                self._acknowledged(ack, seen.at_ms)
            case PagerDutyTrigger(incident_id=incident, round=number):
                self._paged(incident, number, seen.at_ms)

    def overdue(self, due_before_ms: Millis, most: int) -> list[Obligation]:
        """The earliest obligations that were due before this time and are still open. They stay so until settled."""
        found: dict[str, Millis] = {}
        while self._queue and self._queue[0][0] < due_before_ms and len(found) < most:
            due_ms, incident = heapq.heappop(self._queue)
            row = self._rows.get(incident)
            if row is not None and row.is_open and row.due_ms == due_ms:
                found[incident] = due_ms
        for incident, due_ms in found.items():
            heapq.heappush(self._queue, (due_ms, incident))
        return [self._obligation(incident) for incident in found]

    def settle(self, obligation: Obligation, at_ms: Millis) -> None:
        """It is paged, or known as acknowledged, before a record says so."""
        self._paged(obligation.incident_id, obligation.round, at_ms)

    def forget(self, before_ms: Millis) -> None:
        """Let go of what was settled before this time."""
        while self._settled and self._settled[0][0] < before_ms:
            settled_ms, incident = self._settled.popleft()
            row = self._rows.get(incident)
            if row is not None and not row.is_open and row.settled_ms == settled_ms:
                del self._rows[incident]

    def _delayed(self, delay: DelayRecord, seen: Seen) -> None:
        row = self._rows.get(delay.incident_id)
        event = hash(delay.event_id)
        if row is not None and event in row.events:
            return
        match delay:
            case DelayExpedited():
                row = self._expedited(delay)
            case DelayScheduled() | DelayAlertsAdded() if row is None or row.round == 0:
                row = self._opened(delay, seen, row)
            case DelayAlertsAdded():
                self._added(delay, seen, self._rows[delay.incident_id])
            case DelayCancelled() if row is None or row.round == 0:
                return  # nobody was on call for it
            case DelayCancelled():
                self._settle(delay.incident_id, seen.at_ms)
        if row is not None:
            row.events = (*row.events, event)[-_REMEMBERED_EVENTS:]

    def _added(self, delay: DelayAlertsAdded, seen: Seen, row: _Row) -> None:
        is_new_round = self._new_rounds and seen.at_ms > row.settled_ms + NEAR_MS
        if row.is_open or is_new_round:
            row.partition, row.offset = seen.partition, seen.offset
        if row.is_open:
            self._bring_nearer(delay.incident_id, row, delay.due_ms)
        elif is_new_round:
            self._open(delay.incident_id, row, row.round + 1, delay.due_ms)

    def _opened(self, delay: DelayScheduled | DelayAlertsAdded, seen: Seen, awaited: _Row | None) -> _Row:
        """The first deadline of an incident, whatever overtook it."""
        row = self._rows[delay.incident_id] = _Row(
            round=1,
            is_open=False,
            settled_ms=awaited.settled_ms if awaited else 0,
            routing_key_name=delay.routing_key_name,
            partition=seen.partition,
            offset=seen.offset,
            events=awaited.events if awaited else (),
        )
        if not row.settled_ms:
            is_expedited = awaited is not None and awaited.due_ms > 0
            self._open(delay.incident_id, row, 1, min(delay.due_ms, seen.at_ms) if is_expedited else delay.due_ms)
        return row

    def _expedited(self, expedited: DelayExpedited) -> _Row:
        row = self._rows.setdefault(expedited.incident_id, _Row(round=0, is_open=False, due_ms=expedited.at_ms))
        if row.is_open:
            self._bring_nearer(expedited.incident_id, row, expedited.at_ms)
        return row

    def _acknowledged(self, ack: Ack, at_ms: Millis) -> None:
        row = self._rows.setdefault(ack.incident_id, _Row(round=0, is_open=False))
        # Its person was told that the page of this very round is on its way: that one is owed as before.
        came_too_late = ack.claim is AckClaim.ALREADY_ESCALATED and ack.round == row.round
        is_of_an_earlier_round = ack.claim is AckClaim.WON and ack.round < row.round
        if not (row.is_open and (came_too_late or is_of_an_earlier_round)):
            self._settle(ack.incident_id, at_ms)

    def _paged(self, incident: str, number: int, at_ms: Millis) -> None:
        row = self._rows.setdefault(incident, _Row(round=number, is_open=False))
        if number >= row.round:
            row.round = number
            self._settle(incident, at_ms)

    def _settle(self, incident: str, at_ms: Millis) -> None:
        row = self._rows[incident]
        self.pending -= row.is_open
        row.is_open = False
        row.settled_ms = max(row.settled_ms, at_ms)
        self._settled.append((row.settled_ms, incident))

    def _open(self, incident: str, row: _Row, number: int, due_ms: Millis) -> None:
        self.pending += 1
        row.is_open, row.round, row.due_ms = True, number, due_ms
        heapq.heappush(self._queue, (due_ms, incident))

    def _bring_nearer(self, incident: str, row: _Row, due_ms: Millis) -> None:
        if due_ms < row.due_ms:
            row.due_ms = due_ms
            heapq.heappush(self._queue, (due_ms, incident))

    def _obligation(self, incident: str) -> Obligation:
        row = self._rows[incident]
        return Obligation(incident, row.round, row.due_ms, row.routing_key_name, row.partition, row.offset)
