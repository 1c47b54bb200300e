"""Which incident an alert belongs to, and who hears of it: one behaviour at a time."""

from typing import Any

from streams.decide.correlation import Decision, Incident, Policy, Reason, correlate
from streams.records import AlertEvent, Cause, Happening, LogEntry
from streams.topics import Topic


POLICY = Policy(secret=b"s" * 32, quiet_after_ms=5 * 3600 * 1000, oncall=True, can_page=True, wait_minutes=3)
MINUTE = 60_000


def alert(event: str, *fingerprints: str, status: str = "firing", at: int = 0, **more: Any) -> AlertEvent:
    """An Alertmanager notification of one group, with these alerts in it."""
    body = {
        "version": "4",
        "groupKey": "{}:{alertname='Disk'}",
        "receiver": "team",
        "status": status,
        "commonLabels": {"alertname": "Disk", "severity": "critical"},
        "alerts": [{"status": status, "fingerprint": one} for one in fingerprints],
        **more.pop("body", {}),
    }
    return AlertEvent(payload=body, event_id=event, received_ms=at, **more)


def decide(incident: Incident | None, event: AlertEvent, offset: int = 0, policy: Policy = POLICY) -> Decision:
    return correlate(incident, event, Cause("alerts", 0, offset), policy)


def topics(decision: Decision) -> list[Topic]:
    return [effect.topic for effect in decision.effects]


def logged(decision: Decision) -> list[Happening]:
    return [effect.record.what for effect in decision.effects if isinstance(effect.record, LogEntry)]


def test_a_first_alert_opens_an_incident_and_starts_its_deadline() -> None:
    """Slack is told, the timer is told, and the log says so."""
    decision = decide(None, alert("e1", "a", at=1000))

    assert decision.reason is Reason.OPENED
    assert topics(decision) == [Topic.SLACK_NOTIFICATIONS, Topic.DELAYS, Topic.INCIDENT_LOG]
    assert decision.effects[1].record.due_ms == 1000 + 3 * MINUTE


def test_the_same_alerts_again_change_nothing() -> None:
    """No second message and no second timer; the log counts them."""
    opened = decide(None, alert("e1", "a")).state
    repeated = decide(opened, alert("e2", "a", at=MINUTE), offset=1)

    assert repeated.reason is Reason.REPEATED
    assert topics(repeated) == [Topic.INCIDENT_LOG]


def test_new_alerts_in_an_open_incident_are_told_in_its_thread() -> None:
    """And the timer hears of them: it knows whether a new round is due."""
    opened = decide(None, alert("e1", "a")).state
    added = decide(opened, alert("e2", "a", "b"), offset=1)

    assert added.reason is Reason.ALERTS_ADDED
    assert added.effects[0].record.added == ("b",)
    assert topics(added) == [Topic.SLACK_NOTIFICATIONS, Topic.DELAYS, Topic.INCIDENT_LOG]


def test_resolved_closes_the_incident_and_cancels_its_deadline() -> None:
    """Once: the other half of an Alertmanager pair says it too."""
    opened = decide(None, alert("e1", "a")).state
    resolved = decide(opened, alert("e2", "a", status="resolved"), offset=1)
    again = decide(resolved.state, alert("e3", "a", status="resolved"), offset=2)

    assert (resolved.reason, again.reason) == (Reason.RESOLVED, Reason.REPEATED)
    assert topics(resolved) == [Topic.SLACK_NOTIFICATIONS, Topic.DELAYS, Topic.INCIDENT_LOG]
    assert topics(again) == [Topic.INCIDENT_LOG]


def test_a_truncated_body_never_closes_an_incident() -> None:
    """Alerts that were left out may still fire."""
    opened = decide(None, alert("e1", "a")).state
    truncated = decide(opened, alert("e2", "a", status="resolved", body={"truncatedAlerts": 3}), offset=1)

    assert truncated.reason is Reason.REPEATED
    assert truncated.state is not None
    assert not truncated.state.closed


def test_resolved_for_nothing_open_is_told_and_pages_nobody() -> None:
    """Its firing notification may never have arrived."""
    noted = decide(None, alert("e1", "a", status="resolved"))

    assert noted.reason is Reason.NOTED
    assert topics(noted) == [Topic.SLACK_NOTIFICATIONS, Topic.INCIDENT_LOG]
    assert not noted.effects[0].record.oncall
    assert noted.state is None


def test_an_alert_after_the_end_opens_another_incident() -> None:
    """With an id of its own: PagerDuty must not take it for the old one."""
    opened = decide(None, alert("e1", "a"))
    closed = decide(opened.state, alert("e2", "a", status="resolved"), offset=1)
    reopened = decide(closed.state, alert("e3", "a"), offset=2)

    assert reopened.reason is Reason.REOPENED
    assert reopened.incident_id != opened.incident_id


def test_a_long_silence_ends_an_incident_that_is_never_resolved() -> None:
    """Senders with send_resolved: false leave no other sign."""
    opened = decide(None, alert("e1", "a"))
    later = decide(opened.state, alert("e2", "a", at=POLICY.quiet_after_ms + 1), offset=1)

    assert later.reason is Reason.REOPENED


def test_the_opening_event_read_again_opens_the_same_incident() -> None:
    """A crash before the row was written: the same records with the same ids."""
    event = alert("e1", "a", at=5)

    assert decide(None, event) == decide(None, event)


def test_the_opening_event_read_again_after_its_row_sends_its_effects_again() -> None:
    """Even when the incident is closed by now: never nothing, and never another incident."""
    opened = decide(None, alert("e1", "a"))
    closed = decide(opened.state, alert("e2", "a", status="resolved"), offset=1)
    again = decide(closed.state, alert("e1", "a"))

    assert again.effects == opened.effects
    assert again.state is closed.state


def test_a_repeat_read_again_after_its_incident_closed_opens_nothing() -> None:
    """It was counted in before: its offset and its time say so."""
    opened = decide(None, alert("e1", "a")).state
    repeated = decide(opened, alert("e2", "a", at=10), offset=1)
    closed = decide(repeated.state, alert("e3", "a", status="resolved", at=20), offset=2)
    again = decide(closed.state, alert("e2", "a", at=10), offset=1)

    assert again.reason is Reason.REPEATED


def test_a_topic_that_was_made_anew_is_not_taken_for_an_old_one() -> None:
    """Its offsets begin at zero again, and its alerts are new."""
    opened = decide(None, alert("e1", "a"), offset=900).state
    closed = decide(opened, alert("e2", "a", status="resolved", at=10), offset=901)
    fresh = decide(closed.state, alert("e3", "a", at=20), offset=0)

    assert fresh.reason is Reason.REOPENED


def test_without_an_identity_nothing_is_kept() -> None:
    """No later event can belong to it, and rows for it would only pile up."""
    decision = decide(None, AlertEvent(payload={"title": "one-off"}, event_id="e1"))

    assert decision.reason is Reason.OPENED
    assert decision.state is None


def test_on_call_off_is_told_in_slack_and_starts_no_deadline() -> None:
    """As the sender asked."""
    decision = decide(None, alert("e1", "a", oncall_enable=False))

    assert topics(decision) == [Topic.SLACK_NOTIFICATIONS, Topic.INCIDENT_LOG]
    assert not decision.effects[0].record.oncall


def test_a_wait_of_the_senders_own_counts_from_when_the_alert_was_received() -> None:
    """However late it is decided about."""
    decision = decide(None, alert("e1", "a", at=1000, oncall_wait_minutes=0.05))

    assert decision.effects[1].record.due_ms == 4000


def test_asking_for_a_page_that_nobody_can_send_is_answered_with_a_warning() -> None:
    """Without a routing key an ACK link would promise something."""
    keyless = Policy(secret=b"s" * 32, quiet_after_ms=1, oncall=False, can_page=False, wait_minutes=3)
    decision = decide(None, alert("e1", "a", oncall_enable=True), policy=keyless)

    assert topics(decision) == [Topic.SLACK_NOTIFICATIONS, Topic.INCIDENT_LOG]
    assert "no routing key" in decision.effects[0].record.warnings[0]
