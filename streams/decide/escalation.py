"""Whether an incident is paged. The timer agent's decision, whole: every transition of an escalation is here.

- A pending escalation becomes exactly one of acknowledged, paged or resolved; only a new round makes it pending again.
- An ACK that overtakes its delay is kept, and wins. One that comes after the page is told to PagerDuty. One that has
  won an earlier round, or was counted in then, says nothing of a later one.
- Who claimed first in Redis has won. Nobody to ask, and no ACK known: page (law 2).
- An event that was counted in already changes nothing, and what it sent is sent again.

A state never goes back in time: rounds only count up, and `due_ms` of a pending round only comes nearer.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from streams.decide.effects import Effect
from streams.decide.telling import (
    Acknowledgement,
    Escalation,
    Moment,
    State,
    acknowledged_effects,
    logged_at,
    paged_effects,
    resolved_effects,
)
from streams.records import (
    Ack,
    AckClaim,
    DelayAlertsAdded,
    DelayCancelled,
    DelayExpedited,
    DelayRecord,
    DelayScheduled,
    Happening,
    Millis,
    PageReason,
)


REMEMBERED_MS = 31 * 24 * 3600 * 1000
"""How long an escalation is kept once nothing is due any more: until then a late ACK or `resolved` finds its page."""

REMEMBERED_EVENTS = 16


class DeadlineKind(StrEnum):
    """What is to be done when a deadline comes."""

    PAGE = "page"
    FORGET = "forget"


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """When an escalation is next to be looked at. It follows from the escalation and is no state of its own."""

    due_ms: Millis
    incident_id: str
    kind: DeadlineKind


@dataclass(frozen=True, slots=True)
class Claimed:
    """The claim on a round whose deadline came, as it was answered."""

    acknowledged: Acknowledgement | None
    """Whose ACK holds it; None where the page does, or where nobody could be asked."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the escalation, and what is to be written. `state` None: nothing is known (any more)."""

    state: Escalation | None
    effects: tuple[Effect, ...] = ()


def deadline_of(escalation: Escalation | None) -> Deadline | None:
    """When this escalation is next to be looked at."""
    if escalation is None:
        return None
    if escalation.state is State.PENDING:
        return Deadline(escalation.due_ms, escalation.incident_id, DeadlineKind.PAGE)
    return Deadline(escalation.touched_ms + REMEMBERED_MS, escalation.incident_id, DeadlineKind.FORGET)


def on_delay(known: Escalation | None, delay: DelayRecord, moment: Moment, *, new_rounds: bool) -> Decision:
    """Decide about a record of `delays`."""
    if known is not None and delay.event_id in known.events:
        return _on_delay_again(known, delay)
    if isinstance(delay, DelayCancelled):
        return _cancelled(known, delay, moment)
    if isinstance(delay, DelayExpedited):
        return _expedited(known, delay, moment)
    if known is None or known.state is State.AWAITED:
        return _scheduled(known, delay, moment)
    if isinstance(delay, DelayScheduled):
        return Decision(known)  # its event is older than what is remembered
    if known.state is State.PENDING:
        return _added_while_pending(known, delay, moment)
    if not new_rounds:
        return Decision(_changed(known, moment, delay.event_id))
    return _round_begun(known, delay, moment)


def on_ack(known: Escalation | None, ack: Ack, moment: Moment) -> Decision:
    """Decide about an acknowledgement."""
    mine = Acknowledgement(ack.ack_id, ack.by, ack.at_ms, ack.via)
    if known is None:
        awaited = Escalation(ack.incident_id, ack.source_key, State.AWAITED, moment.now_ms)
        return Decision(_changed(awaited, moment, ack.ack_id, acknowledgement=mine))
    if ack.ack_id in known.events:
        return _on_ack_again(known, ack, moment)
    is_of_an_earlier_round = ack.claim is AckClaim.WON and ack.round < known.round
    if known.acknowledgement is not None or is_of_an_earlier_round:
        return Decision(_changed(known, moment, ack.ack_id))  # the first one stands; what is new nobody has seen
    if known.state in {State.AWAITED, State.RESOLVED}:
        return Decision(_changed(known, moment, ack.ack_id, acknowledgement=mine))
    page_has_won = ack.claim is AckClaim.ALREADY_ESCALATED and ack.round == known.round
    if known.state is State.PENDING and page_has_won:
        return Decision(_changed(known, moment, ack.ack_id, acknowledgement=mine))
    return _acknowledged(known, mine, moment)


def on_due(known: Escalation | None, claimed: Claimed, moment: Moment) -> Decision:
    """Decide about a pending escalation whose deadline has come."""
    if known is None or known.state is not State.PENDING or known.due_ms > moment.now_ms:
        return Decision(known)
    if claimed.acknowledged is not None:
        return _acknowledged(known, claimed.acknowledged, moment)
    return _paged(known, moment)


def on_forget(known: Escalation | None, moment: Moment) -> Decision:
    """Decide about an escalation that nothing was heard of for `REMEMBERED_MS`."""
    deadline = deadline_of(known)
    forgettable = deadline is not None and deadline.kind is DeadlineKind.FORGET and deadline.due_ms <= moment.now_ms
    return Decision(None if forgettable else known)


def _on_delay_again(known: Escalation, delay: DelayRecord) -> Decision:
    if isinstance(delay, DelayCancelled) and known.state is State.RESOLVED:
        return Decision(known, tuple(resolved_effects(known, delay.at_ms)))
    return Decision(known)


def _scheduled(known: Escalation | None, delay: DelayScheduled | DelayAlertsAdded, moment: Moment) -> Decision:
    """A delay for which nothing is known, or only an ACK or a refusal that overtook it."""
    pending = Escalation(
        incident_id=delay.incident_id,
        source_key=delay.source_key,
        state=State.PENDING,
        touched_ms=moment.now_ms,
        due_ms=delay.due_ms,
        reason=PageReason.NO_WAIT if delay.due_ms <= delay.at_ms else PageReason.DEADLINE_PASSED,
        routing_key_name=delay.routing_key_name,
        channel_id=delay.channel_id,
        payload=delay.payload,
        warnings=delay.warnings,
        events=(*(known.events if known else ()), delay.event_id),
    )
    if known is None and isinstance(delay, DelayAlertsAdded):
        # Nobody was on call for the incident until now, so its opening says nothing of a deadline.
        scheduled = logged_at(pending, Happening.SCHEDULED, moment, round=1, due_ms=pending.due_ms)
        return Decision(pending, (scheduled,))
    if known is None:
        return Decision(pending)
    if known.acknowledgement is not None:
        return _acknowledged(pending, known.acknowledgement, moment)
    return Decision(_sooner(pending, moment.now_ms, PageReason.SLACK_REJECTED) if known.expedited else pending)


def _added_while_pending(known: Escalation, delay: DelayAlertsAdded, moment: Moment) -> Decision:
    """New alerts share the deadline that is still ahead; they may bring it nearer, and never push it away."""
    reason = PageReason.NO_WAIT if delay.due_ms <= delay.at_ms else known.reason
    sooner = _sooner(known, delay.due_ms, reason)
    return Decision(_changed(sooner, moment, delay.event_id, payload=delay.payload, warnings=delay.warnings))


def _round_begun(known: Escalation, delay: DelayAlertsAdded, moment: Moment) -> Decision:
    begun = _changed(
        known,
        moment,
        delay.event_id,
        state=State.PENDING,
        round=known.round + 1,
        due_ms=delay.due_ms,
        reason=PageReason.NO_WAIT if delay.due_ms <= delay.at_ms else PageReason.DEADLINE_PASSED,
        payload=delay.payload,
        warnings=delay.warnings,
        acknowledgement=None,
    )
    return Decision(begun, (logged_at(begun, Happening.ROUND_BEGUN, moment, round=begun.round, due_ms=begun.due_ms),))


def _expedited(known: Escalation | None, delay: DelayExpedited, moment: Moment) -> Decision:
    if known is None:
        awaited = Escalation(delay.incident_id, delay.source_key, State.AWAITED, moment.now_ms)
        return Decision(_changed(awaited, moment, delay.event_id, expedited=True))
    if known.state is not State.PENDING:
        return Decision(_changed(known, moment, delay.event_id))
    sooner = _changed(_sooner(known, delay.at_ms, PageReason.SLACK_REJECTED), moment, delay.event_id)
    return Decision(
        sooner,
        (
            logged_at(
                sooner, Happening.EXPEDITED, moment, round=sooner.round, due_ms=sooner.due_ms, reason=delay.reason
            ),
        ),
    )


def _cancelled(known: Escalation | None, delay: DelayCancelled, moment: Moment) -> Decision:
    if known is None or known.state is State.AWAITED:
        return Decision(known)  # nobody was on call for it
    resolved = _changed(known, moment, delay.event_id, state=State.RESOLVED)
    log = [logged_at(resolved, Happening.CANCELLED, moment, round=known.round)] if known.state is State.PENDING else []
    return Decision(resolved, (*resolved_effects(resolved, delay.at_ms), *log))


def _acknowledged(known: Escalation, mine: Acknowledgement, moment: Moment) -> Decision:
    acknowledged = _changed(known, moment, mine.ack_id, state=State.ACKNOWLEDGED, acknowledgement=mine)
    return Decision(acknowledged, tuple(acknowledged_effects(acknowledged, moment)))


def _on_ack_again(known: Escalation, ack: Ack, moment: Moment) -> Decision:
    """What it sent is sent again, unless a later round has begun: that one it does not acknowledge."""
    mine = known.acknowledgement
    same = mine is not None and mine.ack_id == ack.ack_id and known.state is State.ACKNOWLEDGED
    return Decision(known, tuple(acknowledged_effects(known, moment)) if same else ())


def _paged(known: Escalation, moment: Moment) -> Decision:
    paged = _changed(known, moment, state=State.PAGED, paged_rounds=(*known.paged_rounds, known.round))
    effects = tuple(paged_effects(paged, moment))
    if known.acknowledgement is None:
        return Decision(paged, effects)
    late = _acknowledged(paged, known.acknowledgement, moment)
    return Decision(late.state, effects + late.effects)


def _sooner(escalation: Escalation, due_ms: Millis, reason: PageReason) -> Escalation:
    if due_ms >= escalation.due_ms:
        return escalation
    return msgspec.structs.replace(escalation, due_ms=due_ms, reason=reason)


def _changed(escalation: Escalation, moment: Moment, event_id: str = "", **changes: Any) -> Escalation:
    is_new = event_id and event_id not in escalation.events  # An ACK that is known from its claim alone has no id.
    events = (*escalation.events, event_id)[-REMEMBERED_EVENTS:] if is_new else escalation.events
    return msgspec.structs.replace(escalation, touched_ms=moment.now_ms, events=events, **changes)
