"""One incident under anything that can happen: topics that overtake each other, records read again, workers that die
between their effects and their state, and a Redis that comes, goes and forgets.

What must hold is what people rely on: whoever was told "acknowledged" is not paged, what nobody acknowledged is, and
PagerDuty sees one incident for each round.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streams.decide.escalation import Claimed, DeadlineKind, Decision, deadline_of, on_ack, on_delay, on_due
from streams.decide.telling import Acknowledgement, Escalation, Moment, State
from streams.records import (
    Ack,
    AckClaim,
    Cause,
    DelayAlertsAdded,
    DelayCancelled,
    DelayExpedited,
    DelayScheduled,
    PagerDutyAcknowledge,
    PagerDutyResolve,
    PagerDutyTrigger,
)


WAIT = 100


class OneIncident(RuleBasedStateMachine):
    """Ingest, fan-out, Redis, Kafka and the timer agent, around one escalation."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000
        self.delays: list[Any] = []
        self.acks: list[Ack] = []
        self.delays_read = self.acks_read = 0
        self.counted_in: dict[str, int] = {}
        self.row: Escalation | None = None
        self.claims: dict[int, str] = {}
        self.redis = True
        self.triggers: dict[int, list[PagerDutyTrigger]] = {}
        self.followed: list[Any] = []
        self.common: dict[str, Any] = {"incident_id": "inc", "source_key": "src"}

    # What the world does

    @precondition(lambda self: not self.delays)
    @rule(wait=st.sampled_from([0, WAIT]))
    def open(self, wait: int) -> None:
        """The fan-out agent opens the incident."""
        self.delays.append(
            DelayScheduled(
                **self.common,
                event_id="open",
                at_ms=self.now,
                due_ms=self.now + wait,
                payload={"t": 1},
                routing_key_name="infra",
            )
        )

    @precondition(lambda self: self.delays and not isinstance(self.delays[-1], DelayCancelled))
    @rule()
    def add_alerts(self) -> None:
        """Alerts join it."""
        event = f"add{len(self.delays)}"
        self.delays.append(
            DelayAlertsAdded(
                **self.common,
                event_id=event,
                at_ms=self.now,
                due_ms=self.now + WAIT,
                payload={"t": 2},
                routing_key_name="infra",
            )
        )

    @precondition(lambda self: self.delays and not isinstance(self.delays[-1], DelayCancelled))
    @rule()
    def resolve(self) -> None:
        """Its sender says that it is over."""
        self.delays.append(DelayCancelled(**self.common, event_id="end", at_ms=self.now))

    @precondition(lambda self: self.delays and not isinstance(self.delays[-1], DelayCancelled))
    @rule()
    def refuse_in_slack(self) -> None:
        """Slack takes no message about it."""
        self.delays.append(DelayExpedited(**self.common, event_id="refused", at_ms=self.now, reason="r"))

    @rule()
    def click_ack(self) -> None:
        """Somebody clicks: ingest claims in Redis if it can, and writes to Kafka."""
        current = self.row.round if self.row else 1
        claim = AckClaim.UNKNOWN
        if self.redis:
            before = self.claims.setdefault(current, "ack")
            claim = AckClaim.ALREADY_ESCALATED if before == "page" else AckClaim.WON
        number = f"ack{len(self.acks)}"
        self.acks.append(
            Ack(**self.common, ack_id=number, at_ms=self.now, by="ann", via="link", round=current, claim=claim)
        )

    @rule(later=st.integers(1, 2 * WAIT))
    def wait(self, later: int) -> None:
        """Time passes."""
        self.now += later

    @rule()
    def lose_redis(self) -> None:
        """Redis is out of reach."""
        self.redis = False

    @rule(empty=st.booleans())
    def bring_redis_back(self, empty: bool) -> None:
        """Redis is back, perhaps with nothing in it."""
        self.redis = True
        if empty:
            self.claims.clear()

    # What the timer agent does; it may die after its effects and before its state

    @precondition(lambda self: self.delays_read < len(self.delays))
    @rule(dies=st.booleans())
    def read_delay(self, dies: bool) -> None:
        """The next record of `delays`."""
        decision = on_delay(self.row, self.delays[self.delays_read], self.moment(), new_rounds=True)
        self.settle(decision, dies)
        self.delays_read += not dies

    @precondition(lambda self: self.acks_read < len(self.acks))
    @rule(dies=st.booleans())
    def read_ack(self, dies: bool) -> None:
        """The next record of `acks`."""
        ack = self.acks[self.acks_read]
        self.settle(on_ack(self.row, ack, self.moment()), dies)
        self.acks_read += not dies
        if not dies and self.row is not None:
            self.counted_in.setdefault(ack.ack_id, self.row.round)

    @rule(delays=st.integers(0, 3), acks=st.integers(0, 3))
    def start_from_an_older_commit(self, delays: int, acks: int) -> None:
        """A worker takes over from what was committed last."""
        self.delays_read = max(0, self.delays_read - delays)
        self.acks_read = max(0, self.acks_read - acks)

    @rule(dies=st.booleans())
    def tick(self, dies: bool) -> None:
        """What is due is claimed and decided."""
        deadline = deadline_of(self.row)
        if self.row is None or deadline is None or deadline.kind is not DeadlineKind.PAGE or deadline.due_ms > self.now:
            return
        acked = self.redis and self.claims.setdefault(self.row.round, "page") == "ack"
        claimed = Claimed(Acknowledgement("", "ann", self.now)) if acked else Claimed(None)
        decision = on_due(self.row, claimed, self.moment())
        triggered = any(isinstance(effect.record, PagerDutyTrigger) for effect in decision.effects)

        assert triggered is not acked
        assert decision.state is not None
        assert decision.state.state is not State.PENDING
        self.settle(decision, dies)

    def moment(self) -> Moment:
        """Now."""
        return Moment(self.now, Cause("t", 0, 0))

    def settle(self, decision: Decision, dies: bool) -> None:
        """Effects first, then state, as the agent does it."""
        for effect in decision.effects:
            record = effect.record
            if isinstance(record, PagerDutyTrigger):
                self.triggers.setdefault(record.round, []).append(record)
            elif isinstance(record, PagerDutyAcknowledge | PagerDutyResolve):
                self.followed.append(record)
        if not dies:
            self.row = decision.state

    # What people rely on

    @invariant()
    def pagerduty_sees_one_incident_for_each_round(self) -> None:
        """All triggers of a round have one dedup key and one key name; rounds differ."""
        keys = {number: {(t.dedup_key, t.routing_key_name) for t in sent} for number, sent in self.triggers.items()}

        assert all(len(found) == 1 for found in keys.values())
        assert len({next(iter(found)) for found in keys.values()}) == len(keys)

    @invariant()
    def what_follows_a_page_goes_where_the_page_went(self) -> None:
        """An acknowledge or a resolve is of a page that was sent, through the same key."""
        for record in self.followed:
            trigger = self.triggers[record.round][0]
            assert (record.dedup_key, record.routing_key_name) == (trigger.dedup_key, trigger.routing_key_name)

    @invariant()
    def an_ack_is_of_one_round(self) -> None:
        """However often it is read: alerts that came after it are nobody's yet."""
        if self.row is not None and self.row.state is State.ACKNOWLEDGED and self.row.acknowledgement is not None:
            assert self.row.round <= self.counted_in.get(self.row.acknowledgement.ack_id, self.row.round)

    @invariant()
    def a_settled_escalation_has_no_page_ahead(self) -> None:
        """Only what is pending can page."""
        deadline = deadline_of(self.row)
        if self.row is not None and self.row.state is not State.PENDING:
            assert deadline is not None
            assert deadline.kind is DeadlineKind.FORGET

    def teardown(self) -> None:
        """In the end, when all is read and time has passed, nothing is pending: it is acknowledged, paged or over."""
        while self.delays_read < len(self.delays):
            self.read_delay(dies=False)
        while self.acks_read < len(self.acks):
            self.read_ack(dies=False)
        self.now += 10 * WAIT
        self.tick(dies=False)
        opened = any(isinstance(record, DelayScheduled) for record in self.delays)
        if opened:
            assert self.row is not None
            assert self.row.state in {State.ACKNOWLEDGED, State.PAGED, State.RESOLVED}
            if not self.acks and not any(isinstance(record, DelayCancelled) for record in self.delays):
                assert self.row.state is State.PAGED


TestOneIncident = OneIncident.TestCase
TestOneIncident.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
