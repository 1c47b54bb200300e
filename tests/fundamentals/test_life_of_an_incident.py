"""What Ackline does, one idea at a time. Begin here: nothing below needs Kafka, a network or a clock.

An alert becomes an incident (`correlate`), and an incident that nobody acknowledges in time becomes a page
(`streams.decide.escalation`). `Story` joins these two decisions as the pipeline does, and turns the clock by hand.
"""

from typing import Any

from streams.decide.correlation import Incident, Policy, correlate
from streams.decide.effects import Effect
from streams.decide.escalation import Claimed, deadline_of, on_ack, on_delay, on_due
from streams.decide.telling import Escalation, Moment
from streams.records import Ack, AckClaim, AlertEvent, Cause, PagerDutyEvent, SlackUpdate
from streams.topics import Topic


MINUTE = 60_000
POLICY = Policy(secret=b"of this deployment", quiet_after_ms=300 * MINUTE, oncall=True, can_page=True, wait_minutes=3)


class Story:
    """One problem over time: what happens to it, and who is told what."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.pages: list[PagerDutyEvent] = []
        self.incident: Incident | None = None
        self.escalations: dict[str, Escalation | None] = {}
        self._events = 0

    def fires(self, *alerts: str, at: float, **wishes: Any) -> None:
        """Alertmanager sends the group with these alerts firing."""
        self._arrives("firing", alerts, at, wishes)

    def resolves(self, *alerts: str, at: float) -> None:
        """Alertmanager says that it is over."""
        self._arrives("resolved", alerts, at, {})

    def is_acknowledged(self, by: str, at: float) -> None:
        """Somebody follows the ACK link in the message."""
        assert self.incident is not None
        known = self.escalations[self.incident.incident_id]
        assert known is not None
        ack = Ack(ack_id=by, incident_id=known.incident_id, source_key=known.source_key, at_ms=round(at * MINUTE),
                  by=by, via="link", round=known.round, claim=AckClaim.WON)  # fmt: skip
        self._decided(known.incident_id, on_ack(known, ack, self._now(at)))

    def clock_reaches(self, minute: float) -> None:
        """Time passes; what is due by then is done."""
        for incident_id, known in self.escalations.items():
            deadline = deadline_of(known)
            if deadline is not None and deadline.due_ms <= minute * MINUTE:
                self._decided(incident_id, on_due(known, Claimed(acknowledged=None), self._now(minute)))

    def _arrives(self, status: str, alerts: tuple[str, ...], at: float, wishes: dict[str, Any]) -> None:
        self._events += 1
        body = {"version": "4", "groupKey": "disks", "receiver": "team", "status": status,
                "alerts": [{"status": status, "fingerprint": one} for one in alerts]}  # fmt: skip
        alert = AlertEvent(payload=body, event_id=f"event {self._events}", received_ms=round(at * MINUTE), **wishes)
        decision = correlate(self.incident, alert, Cause("alerts", 0, self._events), POLICY)
        self.incident = decision.state
        for effect in decision.effects:
            self._tell(effect)
            if effect.topic is Topic.DELAYS:
                known = self.escalations.get(decision.incident_id)
                now = self._now(at)
                self._decided(decision.incident_id, on_delay(known, effect.record, now, new_rounds=True))

    def _now(self, minute: float) -> Moment:
        return Moment(round(minute * MINUTE), Cause("ticks", 0, 0))

    def _decided(self, incident_id: str, decision: Any) -> None:
        self.escalations[incident_id] = decision.state
        for effect in decision.effects:
            self._tell(effect)

    def _tell(self, effect: Effect) -> None:
        record = effect.record
        if effect.topic is Topic.SLACK_NOTIFICATIONS:
            self.told.append(f"Slack: {record.status if isinstance(record, SlackUpdate) else _kind(record)}")
        if isinstance(record, PagerDutyEvent):
            self.told.append(f"PagerDuty: {_kind(record)}")
            self.pages.append(record)


def _kind(record: Any) -> str:
    return str(record.__struct_config__.tag)


def test_an_alert_opens_an_incident_and_people_are_told() -> None:
    """A first alert is posted in Slack, and PagerDuty hears nothing yet."""
    story = Story()
    story.fires("disk full", at=0)

    assert ["Slack: post"] == story.told


def test_the_same_alert_again_changes_nothing() -> None:
    """Alertmanager repeats itself every few hours; nobody is told twice, and the deadline stays where it was."""
    story = Story()
    story.fires("disk full", at=0)
    story.fires("disk full", at=2)
    story.clock_reaches(3)

    assert ["Slack: post", "PagerDuty: trigger", "Slack: escalated"] == story.told


def test_nobody_acknowledges_and_somebody_is_paged() -> None:
    """At the deadline, not before it, and once."""
    story = Story()
    story.fires("disk full", at=0)
    story.clock_reaches(2.9)
    before = list(story.told)
    story.clock_reaches(3)
    story.clock_reaches(60)

    assert ["Slack: post"] == before
    assert ["Slack: post", "PagerDuty: trigger", "Slack: escalated"] == story.told


def test_an_ack_stops_the_page() -> None:
    """Whoever acknowledges in time has it, and nobody is woken."""
    story = Story()
    story.fires("disk full", at=0)
    story.is_acknowledged(by="Natsu", at=2)
    story.clock_reaches(60)

    assert ["Slack: post", "Slack: acknowledged"] == story.told


def test_an_ack_after_the_page_is_told_to_pagerduty() -> None:
    """It comes too late to stop the page, and in time to stop PagerDuty from waking the next person."""
    story = Story()
    story.fires("disk full", at=0)
    story.clock_reaches(3)
    story.is_acknowledged(by="Natsu", at=4)

    assert ["PagerDuty: acknowledge", "Slack: acknowledged"] == story.told[3:]
    assert 1 == len({page.dedup_key for page in story.pages})


def test_what_resolves_in_time_pages_nobody() -> None:
    """The problem went away by itself."""
    story = Story()
    story.fires("disk full", at=0)
    story.resolves("disk full", at=2)
    story.clock_reaches(60)

    assert ["Slack: post", "Slack: resolved"] == story.told


def test_what_resolves_after_its_page_is_resolved_in_pagerduty_too() -> None:
    """PagerDuty's incident is closed, and not by hand."""
    story = Story()
    story.fires("disk full", at=0)
    story.clock_reaches(3)
    story.resolves("disk full", at=10)

    assert "PagerDuty: resolve" in story.told[3:]
    assert 1 == len({page.dedup_key for page in story.pages})


def test_an_alert_without_on_call_is_told_and_never_paged() -> None:
    """`oncall_enable=false`: Slack only."""
    story = Story()
    story.fires("disk filling", at=0, oncall_enable=False)
    story.clock_reaches(60)

    assert ["Slack: post"] == story.told


def test_an_alert_that_cannot_wait_is_paged_at_once() -> None:
    """`oncall_wait_minutes=0`: the deadline has come when the alert does."""
    story = Story()
    story.fires("site down", at=0, oncall_wait_minutes=0)
    story.clock_reaches(0)

    assert ["Slack: post", "PagerDuty: trigger", "Slack: escalated"] == story.told


def test_an_alert_chooses_who_is_paged_by_a_name() -> None:
    """`pagerduty_other_routing_key=infra`: the name travels, and the key itself stays with the notifier."""
    story = Story()
    story.fires("switch down", at=0, pagerduty_other_routing_key="infra")
    story.clock_reaches(3)

    assert ["infra"] == [page.routing_key_name for page in story.pages]


def test_a_new_alert_in_an_acknowledged_incident_begins_a_new_round() -> None:
    """It is told in the thread, has a deadline of its own, and a page of its own if nobody acknowledges again."""
    story = Story()
    story.fires("disk 1 full", at=0)
    story.is_acknowledged(by="Natsu", at=1)
    story.fires("disk 1 full", "disk 2 full", at=10)
    story.clock_reaches(13)

    assert ["Slack: thread", "PagerDuty: trigger", "Slack: escalated"] == story.told[2:]
    assert story.pages[0].dedup_key.endswith("-r2")


def test_the_same_problem_after_its_end_is_a_new_incident() -> None:
    """A new message, a new deadline, and in PagerDuty a new incident, so that somebody is told."""
    story = Story()
    for start in (0, 60):
        story.fires("disk full", at=start)
        story.clock_reaches(start + 3)
        story.resolves("disk full", at=start + 10)
    triggers = [page.dedup_key for page in story.pages if _kind(page) == "trigger"]

    assert 2 == story.told.count("Slack: post")
    assert 2 == len(set(triggers))


def test_an_alert_that_is_read_again_after_a_crash_says_the_same_again() -> None:
    """The same records with the same ids, so that whoever has seen them already can tell; and never nothing."""
    alert = AlertEvent(payload={"title": "disk full"}, event_id="e1", received_ms=0, dedup_key="disk")
    first = correlate(None, alert, Cause("alerts", 0, 7), POLICY)
    again = correlate(first.state, alert, Cause("alerts", 0, 7), POLICY)

    assert first.effects
    assert first.effects == again.effects
    assert first.state == again.state
