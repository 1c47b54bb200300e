"""Every transition of an escalation, one at a time."""

from typing import Any

import pytest

from streams.decide.escalation import (
    REMEMBERED_MS,
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
from streams.decide.telling import Acknowledgement, Escalation, Moment, State
from streams.records import (
    Ack,
    AckClaim,
    Cause,
    DelayAlertsAdded,
    DelayCancelled,
    DelayExpedited,
    DelayScheduled,
    Happening,
    LogEntry,
    PagerDutyAcknowledge,
    PagerDutyResolve,
    PagerDutyTrigger,
    PageReason,
    SlackUpdate,
)


COMMON: dict[str, Any] = {"incident_id": "inc", "source_key": "src"}
NOBODY = Claimed(None)


def at(now: int) -> Moment:
    return Moment(now, Cause("t", 0, 0))


def schedule(due: int = 100, **more: Any) -> DelayScheduled:
    given = {"event_id": "e1", "at_ms": 0, "payload": {"title": "x"}, "routing_key_name": "infra", **more}
    return DelayScheduled(**COMMON, due_ms=due, **given)


def added(event: str = "e2", due: int = 300) -> DelayAlertsAdded:
    return DelayAlertsAdded(**COMMON, event_id=event, at_ms=200, due_ms=due, payload={"title": "y"})


def cancel() -> DelayCancelled:
    return DelayCancelled(**COMMON, event_id="e9", at_ms=50)


def ack(claim: AckClaim = AckClaim.WON, ack_id: str = "k1", round_number: int = 1, by: str = "ann") -> Ack:
    return Ack(**COMMON, ack_id=ack_id, at_ms=60, by=by, via="link", round=round_number, claim=claim)


def delayed(known: Escalation | None, record: Any, now: int = 1, *, new_rounds: bool = True) -> Decision:
    return on_delay(known, record, at(now), new_rounds=new_rounds)


def pending(due: int = 100) -> Escalation:
    state = delayed(None, schedule(due)).state
    assert state is not None
    return state


def acknowledged() -> Escalation:
    state = on_ack(pending(), ack(), at(60)).state
    assert state is not None
    return state


def paged() -> Escalation:
    state = on_due(pending(), NOBODY, at(120)).state
    assert state is not None
    return state


def state_of(decision: Decision) -> State | None:
    """What became of it."""
    return decision.state.state if decision.state else None


def told(decision: Decision) -> list[type]:
    return [type(effect.record) for effect in decision.effects]


def happened(decision: Decision) -> list[Happening]:
    return [effect.record.what for effect in decision.effects if isinstance(effect.record, LogEntry)]


def test_a_schedule_waits_for_its_deadline() -> None:
    """Nothing is sent, and the deadline is in the queue."""
    decision = delayed(None, schedule(due=100))

    assert decision.effects == ()
    assert deadline_of(decision.state) == Deadline(100, "inc", DeadlineKind.PAGE)


def test_an_unacknowledged_deadline_pages_with_the_incidents_key() -> None:
    """PagerDuty is triggered once, Slack says so, and the log has the lateness."""
    decision = on_due(pending(), NOBODY, at(120))
    trigger = decision.effects[0].record

    assert told(decision) == [PagerDutyTrigger, SlackUpdate, LogEntry]
    assert isinstance(trigger, PagerDutyTrigger)
    assert (trigger.dedup_key, trigger.routing_key_name, trigger.reason) == ("inc", "infra", PageReason.DEADLINE_PASSED)
    assert decision.effects[2].record.detail["lateness_ms"] == 20


def test_a_deadline_that_has_not_come_pages_nobody() -> None:
    """Even if somebody looks at it early."""
    known = pending(due=100)

    assert on_due(known, NOBODY, at(99)) == Decision(known)


def test_what_its_sender_wished_in_vain_stays_in_the_message() -> None:
    """An update takes the message's place, its warnings included."""
    warned = delayed(None, schedule(warnings=("oncall_wait_minutes must be a number",))).state
    update = on_due(warned, NOBODY, at(120)).effects[1].record

    assert isinstance(update, SlackUpdate)
    assert update.warnings == ("oncall_wait_minutes must be a number",)


def test_no_wait_is_a_reason_of_its_own() -> None:
    """`oncall_wait_minutes=0` is due when it is received."""
    decision = on_due(delayed(None, schedule(due=0)).state, NOBODY, at(5))

    assert decision.effects[0].record.reason is PageReason.NO_WAIT


def test_an_ack_before_the_deadline_ends_it() -> None:
    """Slack says who has it, and the deadline pages nobody."""
    decision = on_ack(pending(), ack(), at(60))

    assert told(decision) == [SlackUpdate, LogEntry]
    assert happened(decision) == [Happening.ACKNOWLEDGED]
    assert on_due(decision.state, NOBODY, at(120)) == Decision(decision.state)


def test_a_claim_by_an_ack_counts_before_its_record_is_read() -> None:
    """Redis knew first; the record that comes later changes nothing."""
    decision = on_due(pending(), Claimed(Acknowledgement("", "ann", 99)), at(120))
    later = on_ack(decision.state, ack(), at(121))

    assert happened(decision) == [Happening.ACKNOWLEDGED]
    assert (State.ACKNOWLEDGED, ()) == (state_of(later), later.effects)


def test_an_ack_that_overtakes_its_delay_is_kept_and_wins() -> None:
    """The topics have no order between them."""
    early = on_ack(None, ack(), at(1))
    decision = delayed(early.state, schedule())

    assert early.effects == ()
    assert happened(decision) == [Happening.ACKNOWLEDGED]
    assert decision.state is not None
    assert decision.state.state is State.ACKNOWLEDGED


def test_an_ack_after_the_page_is_told_to_pagerduty() -> None:
    """With the page's own dedup key and key name, or PagerDuty would drop it."""
    decision = on_ack(paged(), ack(AckClaim.ALREADY_ESCALATED), at(130))
    event = decision.effects[0].record

    assert told(decision) == [PagerDutyAcknowledge, SlackUpdate, LogEntry]
    assert (event.dedup_key, event.routing_key_name) == ("inc", "infra")
    assert happened(decision) == [Happening.ACKNOWLEDGED_LATE]


def test_an_ack_that_lost_to_a_page_on_its_way_does_not_stop_it() -> None:
    """Its clicker was told "already escalated": the page is sent, and acknowledged at once."""
    waiting = on_ack(pending(), ack(AckClaim.ALREADY_ESCALATED), at(110))
    decision = on_due(waiting.state, NOBODY, at(120))

    assert waiting.effects == ()
    assert told(decision) == [PagerDutyTrigger, SlackUpdate, LogEntry, PagerDutyAcknowledge, SlackUpdate, LogEntry]


def test_an_ack_without_redis_counts_by_its_place_in_kafka() -> None:
    """Nobody could be asked who was first."""
    assert happened(on_ack(pending(), ack(AckClaim.UNKNOWN), at(60))) == [Happening.ACKNOWLEDGED]


def test_the_same_ack_read_again_is_told_again_and_another_one_is_not() -> None:
    """Never nothing for what may not have been sent; nothing for a second click."""
    first = on_ack(pending(), ack(), at(60))
    again = on_ack(first.state, ack(), at(61))
    second = on_ack(first.state, ack(ack_id="k2", by="bob"), at(62))

    assert again.effects == first.effects
    assert (State.ACKNOWLEDGED, ()) == (state_of(second), second.effects)
    assert first.state
    assert second.state
    assert second.state.acknowledgement == first.state.acknowledgement


@pytest.mark.parametrize("claim", [AckClaim.WON, AckClaim.ALREADY_ACKNOWLEDGED, AckClaim.UNKNOWN])
def test_an_ack_read_again_after_a_new_round_began_acknowledges_only_its_own(claim: AckClaim) -> None:
    """A worker that died between its tables and its commit reads it again; nobody has seen the new alerts."""
    first = on_ack(acknowledged(), ack(claim, ack_id="k2", by="bob"), at(61)).state
    second = delayed(first, added(due=300), 200).state

    for known in (ack(), ack(claim, ack_id="k2", by="bob")):
        again = on_ack(second, known, at(210))
        assert State.PENDING is state_of(again)
        assert PagerDutyTrigger in told(on_due(again.state, NOBODY, at(300)))


def test_an_ack_that_has_won_an_earlier_round_says_nothing_of_a_later_one() -> None:
    """Redis had told the timer of it; its record comes late, after new alerts that its person has not seen."""
    first = on_due(pending(), Claimed(Acknowledgement("", "ann", 99)), at(120)).state
    second = delayed(first, added(due=300), 200).state

    late = on_ack(second, ack(AckClaim.WON, round_number=1), at(210))

    assert (State.PENDING, ()) == (state_of(late), late.effects)


def test_resolved_before_the_deadline_pages_nobody() -> None:
    """There is nothing left to wake anybody for."""
    decision = delayed(pending(), cancel())

    assert happened(decision) == [Happening.CANCELLED]
    assert on_due(decision.state, NOBODY, at(120)) == Decision(decision.state)


def test_resolved_after_the_page_resolves_it() -> None:
    """And again when it is read again."""
    decision = delayed(paged(), cancel(), 130)

    assert told(decision) == [PagerDutyResolve]
    assert delayed(decision.state, cancel(), 131).effects == decision.effects


def test_a_cancel_for_an_incident_nobody_is_on_call_for_changes_nothing() -> None:
    """Slack-only incidents resolve too."""
    assert delayed(None, cancel()) == Decision(None)


def test_a_refusal_by_slack_makes_it_due_at_once() -> None:
    """Nobody can acknowledge what nobody saw."""
    refusal = DelayExpedited(**COMMON, event_id="e3", at_ms=10, reason="channel_not_found")
    decision = delayed(pending(), refusal)

    assert deadline_of(decision.state) == Deadline(10, "inc", DeadlineKind.PAGE)
    assert on_due(decision.state, NOBODY, at(11)).effects[0].record.reason is PageReason.SLACK_REJECTED


def test_a_refusal_that_overtakes_its_delay_makes_it_due_at_once() -> None:
    """The notifier may be faster than the timer agent."""
    refusal = DelayExpedited(**COMMON, event_id="e3", at_ms=10, reason="channel_not_found")
    decision = delayed(delayed(None, refusal).state, schedule(), now=12)

    assert deadline_of(decision.state) == Deadline(12, "inc", DeadlineKind.PAGE)


def test_new_alerts_that_somebody_is_on_call_for_start_the_deadline_of_an_incident_that_had_none() -> None:
    """The log says so: the opening of the incident could not."""
    decision = delayed(None, added(due=300))

    assert deadline_of(decision.state) == Deadline(300, "inc", DeadlineKind.PAGE)
    assert happened(decision) == [Happening.SCHEDULED]


def test_new_alerts_share_a_deadline_that_is_still_ahead() -> None:
    """They never push it away."""
    decision = delayed(pending(due=100), added(due=300))

    assert deadline_of(decision.state) == Deadline(100, "inc", DeadlineKind.PAGE)


def test_new_alerts_may_bring_a_deadline_nearer() -> None:
    """One of them may be urgent."""
    assert deadline_of(delayed(pending(due=500), added(due=200)).state) == Deadline(200, "inc", DeadlineKind.PAGE)


@pytest.mark.parametrize("known", [pytest.param(acknowledged(), id="acknowledged"), pytest.param(paged(), id="paged")])
def test_new_alerts_after_an_ack_or_a_page_begin_a_new_round(known: Escalation) -> None:
    """With a new deadline and a dedup key of its own."""
    begun = delayed(known, added(), 200)
    decision = on_due(begun.state, NOBODY, at(310))

    assert happened(begun) == [Happening.ROUND_BEGUN]
    assert decision.effects[0].record.dedup_key == "inc-r2"


def test_new_rounds_can_be_switched_off() -> None:
    """The incident stays as it is."""
    decision = delayed(acknowledged(), added(), new_rounds=False)

    assert decision.effects == ()
    assert decision.state is not None
    assert decision.state.state is State.ACKNOWLEDGED


def test_new_alerts_read_again_begin_no_second_round() -> None:
    """They were counted in."""
    begun = delayed(acknowledged(), added(), 200).state

    assert delayed(begun, added(), 201) == Decision(begun)


def test_a_schedule_read_again_undoes_no_ack() -> None:
    """A repeat never starts a deadline anew."""
    known = acknowledged()

    assert delayed(known, schedule()) == Decision(known)


def test_an_ack_of_a_later_round_quiets_the_pages_of_earlier_ones() -> None:
    """One person has them all now."""
    second = delayed(paged(), added(), 200).state
    decision = on_ack(second, ack(round_number=2), at(210))

    assert told(decision) == [PagerDutyAcknowledge, SlackUpdate, LogEntry]


def test_what_is_settled_is_forgotten_after_a_month() -> None:
    """And not before: a late `resolved` must find its page."""
    known = paged()
    end = 120 + REMEMBERED_MS

    assert deadline_of(known) == Deadline(end, "inc", DeadlineKind.FORGET)
    assert on_forget(known, at(end - 1)) == Decision(known)
    assert on_forget(known, at(end)) == Decision(None)


def test_what_is_pending_is_never_forgotten() -> None:
    """Whatever an old entry of the queue says."""
    known = pending(due=100)

    assert on_forget(known, at(100 + 2 * REMEMBERED_MS)) == Decision(known)
