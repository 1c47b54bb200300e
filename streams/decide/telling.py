"""What is known of an escalation, and what is told of it: to PagerDuty, in Slack and in the incident log."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from streams.decide.effects import Effect, facts, logged, page, slack
from streams.records import (
    Cause,
    Happening,
    IncidentStatus,
    LogEntry,
    Millis,
    PagerDutyAcknowledge,
    PagerDutyResolve,
    PagerDutyTrigger,
    PageReason,
    SlackUpdate,
)
from streams.records.identity import dedup_key


ROLE = "timer"


class State(StrEnum):
    """Where an escalation stands."""

    AWAITED = "awaited"
    """Spoken of before its delay came: an ACK, or a refusal by Slack, overtook it."""
    PENDING = "pending"
    ACKNOWLEDGED = "acknowledged"
    PAGED = "paged"
    RESOLVED = "resolved"


class Acknowledgement(msgspec.Struct, frozen=True, array_like=True):
    """Who acknowledged, and when."""

    ack_id: str
    by: str
    at_ms: Millis
    via: str = ""


class Escalation(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one incident's escalation: a row of the table `escalations`."""

    incident_id: str
    source_key: str
    state: State
    touched_ms: Millis
    """When it last changed."""
    round: int = 1
    due_ms: Millis = 0
    reason: PageReason = PageReason.DEADLINE_PASSED
    """Why it will be paged, should it be."""
    routing_key_name: str | None = None
    channel_id: str | None = None
    payload: dict[str, Any] = msgspec.field(default_factory=dict)
    paged_rounds: tuple[int, ...] = ()
    acknowledgement: Acknowledgement | None = None
    """Of the current round. While the round is pending: one that came too late for a page that is on its way."""
    expedited: bool = False
    events: tuple[str, ...] = ()
    """Ids of the newest delay events and ACKs that were counted in."""
    warnings: tuple[str, ...] = ()
    """What the alert's sender wished in vain."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When and why a decision is made: the clock, read once, and the record that is being decided about."""

    now_ms: Millis
    cause: Cause


def paged_effects(paged: Escalation, moment: Moment) -> Iterable[Effect]:
    """Wake somebody, and say so."""
    trigger = PagerDutyTrigger(
        **_event(paged, paged.round),
        at_ms=moment.now_ms,
        due_ms=paged.due_ms,
        reason=paged.reason,
        payload=paged.payload,
    )
    yield page(trigger)
    yield _update(paged, IncidentStatus.ESCALATED, moment.now_ms)
    yield logged_at(
        paged,
        Happening.ESCALATED,
        moment,
        round=paged.round,
        due_ms=paged.due_ms,
        reason=paged.reason,
        dedup_key=trigger.dedup_key,
        routing_key_name=paged.routing_key_name,
        lateness_ms=moment.now_ms - paged.due_ms,
    )


def acknowledged_effects(escalation: Escalation, moment: Moment) -> Iterable[Effect]:
    """Somebody has it: say so, and let PagerDuty stop waking people."""
    mine = escalation.acknowledgement
    assert mine is not None
    # PagerDuty hears of it for every round that it was told of: one person has them all now.
    for number in escalation.paged_rounds:
        yield page(PagerDutyAcknowledge(**_event(escalation, number), at_ms=mine.at_ms, by=mine.by))
    if escalation.payload:
        yield _update(escalation, IncidentStatus.ACKNOWLEDGED, mine.at_ms, by=mine.by)
    late = escalation.round in escalation.paged_rounds
    what = Happening.ACKNOWLEDGED_LATE if late else Happening.ACKNOWLEDGED
    # The person's own time, not the decision's: told again, it is the same entry.
    at = Moment(mine.at_ms, moment.cause)
    yield logged_at(escalation, what, at, round=escalation.round, by=mine.by, via=mine.via, ack_id=mine.ack_id)


def resolved_effects(escalation: Escalation, at_ms: Millis) -> Iterable[Effect]:
    """End every page that was sent."""
    for number in escalation.paged_rounds:
        yield page(PagerDutyResolve(**_event(escalation, number), at_ms=at_ms))


def _event(escalation: Escalation, number: int) -> dict[str, Any]:
    return {
        "incident_id": escalation.incident_id,
        "source_key": escalation.source_key,
        "round": number,
        "dedup_key": dedup_key(escalation.incident_id, number),
        "routing_key_name": escalation.routing_key_name,
    }


def _update(escalation: Escalation, status: IncidentStatus, at_ms: Millis, by: str | None = None) -> Effect:
    return slack(
        SlackUpdate(
            notification_id=f"{escalation.incident_id}:{status}:{escalation.round}",
            incident_id=escalation.incident_id,
            source_key=escalation.source_key,
            channel_id=escalation.channel_id,
            payload=escalation.payload,
            at_ms=at_ms,
            status=status,
            by=by,
            routing_key_name=escalation.routing_key_name,
            warnings=escalation.warnings,
        )
    )


def logged_at(escalation: Escalation, what: Happening, moment: Moment, **detail: object) -> Effect:
    """An entry of the incident log, about this escalation at this moment."""
    entry = LogEntry(
        incident_id=escalation.incident_id,
        source_key=escalation.source_key,
        at_ms=moment.now_ms,
        role=ROLE,
        what=what,
        cause=moment.cause,
        detail=facts(**detail),
    )
    return logged(entry)
