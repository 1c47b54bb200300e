"""Two minds on one question: the timer agent and the reconciler, written apart, owe the same pages."""

from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from reconciler.obligations import NEAR_MS, Obligations, Seen
from streams.decide.escalation import Claimed, Decision, on_ack, on_delay, on_due
from streams.decide.telling import Escalation, Moment, State
from streams.records import (
    Ack,
    AckClaim,
    Cause,
    DelayAlertsAdded,
    DelayCancelled,
    DelayExpedited,
    DelayScheduled,
    PagerDutyTrigger,
)


COMMON: dict[str, Any] = {"incident_id": "inc", "source_key": "src"}
APART = NEAR_MS + 1
KINDS = ("schedule", "added", "cancel", "expedite", "ack", "again", "tick")


class TwoMinds:
    """One incident, as both see it."""

    def __init__(self, *, new_rounds: bool) -> None:
        self.new_rounds = new_rounds
        self.row: Escalation | None = None
        self.known = Obligations(new_rounds=new_rounds)
        self.records: list[Any] = []
        self.now = 0

    def happens(self, kind: str, wait: int) -> None:
        """One thing after the other."""
        self.now += APART
        number = len(self.records)
        if kind == "tick":
            self._decided(on_due(self.row, Claimed(None), self._moment()))
            return
        record = self._record(kind, wait, number)
        self.records.append(record)
        self.known.apply(Seen(record, self.now, 0, number))
        if isinstance(record, Ack):
            self._decided(on_ack(self.row, record, self._moment()))
        else:
            self._decided(on_delay(self.row, record, self._moment(), new_rounds=self.new_rounds))

    def _record(self, kind: str, wait: int, number: int) -> Any:
        if kind == "again" and self.records:
            return self.records[-1 - wait % len(self.records)]
        given = {**COMMON, "event_id": f"e{number}", "at_ms": self.now}
        due = {"due_ms": self.now + wait, "payload": {"title": "x"}}
        opened = self.row is not None
        return {
            "schedule": DelayAlertsAdded(**given, **due) if opened else DelayScheduled(**given, **due),
            "added": DelayAlertsAdded(**given, **due),
            "cancel": DelayCancelled(**given),
            "expedite": DelayExpedited(**given, reason="refused"),
        }.get(kind) or Ack(**COMMON, ack_id=f"k{number}", at_ms=self.now, by="a", via="l",
                           round=self.row.round if self.row else 1, claim=AckClaim.WON)  # fmt: skip

    def _decided(self, decision: Decision) -> None:
        self.row = decision.state
        for effect in decision.effects:
            if isinstance(effect.record, PagerDutyTrigger):
                self.known.apply(Seen(effect.record, self.now, 0, 0))

    def _moment(self) -> Moment:
        return Moment(self.now, Cause("t", 0, 0))


@given(st.booleans(), st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 5 * APART)), max_size=12))
@hypothesis_settings(max_examples=400)
def test_both_owe_the_same(new_rounds: bool, story: list[tuple[str, int]]) -> None:
    """After any history: the same round, due at the same time, or none at all."""
    minds = TwoMinds(new_rounds=new_rounds)
    for kind, wait in story:
        minds.happens(kind, wait)
        row = minds.row
        expected = [(row.round, row.due_ms)] if row and row.state is State.PENDING else []

        assert expected == [(one.round, one.due_ms) for one in minds.known.overdue(10**12, 10)]
        assert len(expected) == minds.known.pending
