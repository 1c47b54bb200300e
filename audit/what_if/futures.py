"""One incident in virtual time: its deadlines, ACKs and refusals in their order, and what is due in between. Pure.

An ACK counts only where it can be relied on. Somebody gave it who had been told: in a channel, and perhaps by a page. Where
the setup would not have told as much by then, nobody knows whether it would have been given. Then both are followed, with
it and without it; where they come to the same pages it does not matter, and where they do not, the outcome is unknown.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from audit.what_if.observed import Observed
from audit.what_if.setup import Setup
from audit.what_if.simulate import Simulated
from streams.decide.escalation import Claimed, Decision, on_ack, on_delay, on_due
from streams.decide.telling import Escalation, Moment, State
from streams.records import Ack, AckClaim, Cause, DelayRecord, PagerDutyTrigger, PageReason


class Doubt(StrEnum):
    """Why nobody knows whether it would have happened."""

    NOT_ASKED = "acknowledged then, and no message would have asked for it"
    ELSEWHERE = "acknowledged then, and another channel would have been asked"
    NO_INCIDENT = "acknowledged then, and its alert would have opened no incident of its own"
    NOT_PAGED = "acknowledged after a page that would not have been sent by then"
    REFUSED = "refused by Slack then, and the message would have been another"


class Page(msgspec.Struct, frozen=True, gc=False):
    """Somebody is woken."""

    at_ms: int
    key: str
    reason: PageReason


class Future(msgspec.Struct, frozen=True):
    """What an incident would have come to."""

    pages: tuple[Page, ...] = ()
    ended: State | None = None
    """None: nobody was on call for it."""
    ended_ms: int = 0
    by: str = ""
    """Who acknowledged."""
    is_over: bool = True
    """Whether nothing is due any more."""


class Outcome(msgspec.Struct, frozen=True):
    """All futures that an incident may have had, the one with every ACK first."""

    futures: tuple[Future, ...] = (Future(),)
    doubts: tuple[Doubt, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing is due any more, whatever people would have done."""
        return all(each.is_over for each in self.futures)


class Input(msgspec.Struct, frozen=True, gc=False):
    """Something that happens to an incident."""

    at_ms: int
    rank: int
    """Deadlines come before refusals, and these before ACKs, in the same millisecond."""
    record: DelayRecord | Ack
    doubt: Doubt | None = None
    pages: int = 0
    """How often whoever acknowledged had been paged."""


_CAUSE = Cause("", 0, 0)


def outcome_of(incident: Simulated, seen: Iterable[Observed], setup: Setup, until_ms: int) -> Outcome:
    """What becomes of an incident that these recorded ones are about."""
    delays = [Input(at_ms, 0, delay) for at_ms, delay in incident.delays]
    people = [each for observed in seen for each in _of_people(incident, observed)]
    inputs = [each for each in sorted([*delays, *people], key=_order) if each.at_ms <= until_ms]
    course = _Course(setup, trusts=True)
    futures = [course.run(inputs, until_ms)]
    if course.doubts:
        futures.append(_Course(setup, trusts=False).run(inputs, until_ms))
    return Outcome(tuple(dict.fromkeys(futures)), tuple(sorted(course.doubts)))


class _Course:
    """One way in which it may go: with all that is doubtful, or without any of it. A mixture comes to nothing else."""

    def __init__(self, setup: Setup, *, trusts: bool) -> None:
        self._setup = setup
        self._trusts = trusts
        self._row: Escalation | None = None
        self._now_ms = 0
        self._pages: list[Page] = []
        self.doubts: set[Doubt] = set()

    def run(self, inputs: Iterable[Input], until_ms: int) -> Future:
        """To its end."""
        for each in inputs:
            self._wait(each.at_ms - 1)
            self._now_ms = each.at_ms
            if self._is_trusted(each):
                self._decide(each.record)
        self._wait(until_ms)
        return self._future()

    def _wait(self, until_ms: int) -> None:
        """Time passes; what is due by then is paged when it is."""
        row = self._row
        if row is not None and row.state is State.PENDING and row.due_ms <= until_ms:
            self._now_ms = max(self._now_ms, row.due_ms)
            self._settle(on_due(row, Claimed(None), self._moment()))

    def _is_trusted(self, given: Input) -> bool:
        doubt = given.doubt or (Doubt.NOT_PAGED if given.pages > len(self._pages) else None)
        if doubt is not None:
            self.doubts.add(doubt)
        return doubt is None or self._trusts

    def _decide(self, record: DelayRecord | Ack) -> None:
        if isinstance(record, Ack):
            self._settle(on_ack(self._row, record, self._moment()))
        else:
            new_rounds = self._setup.rules.new_rounds
            self._settle(on_delay(self._row, record, self._moment(), new_rounds=new_rounds))

    def _settle(self, decision: Decision) -> None:
        self._row = decision.state
        for effect in decision.effects:
            if isinstance(effect.record, PagerDutyTrigger):
                key = self._setup.key_of(effect.record.routing_key_name)
                self._pages.append(Page(effect.record.at_ms, key, effect.record.reason))

    def _moment(self) -> Moment:
        return Moment(self._now_ms, _CAUSE)

    def _future(self) -> Future:
        row = self._row
        if row is None or row.state is State.AWAITED:
            return Future(tuple(self._pages))
        by = row.acknowledgement.by if row.acknowledgement else ""
        return Future(tuple(self._pages), row.state, row.touched_ms, by, row.state is not State.PENDING)


def _of_people(incident: Simulated, observed: Observed) -> Iterator[Input]:
    is_own = observed.opened_by == incident.opened_by
    for refusal in observed.refusals.values():
        if incident.channel is not None:
            is_same = is_own and incident.channel in observed.channels_by(refusal.at_ms)
            yield Input(refusal.at_ms, 1, refusal, None if is_same else Doubt.REFUSED)
    for ack in observed.acks.values():
        # Who wins the claim is decided anew, like everything else that a deadline has a part in.
        mine = msgspec.structs.replace(ack, claim=AckClaim.WON)
        doubt = _doubt_of(incident, observed, ack) if is_own else Doubt.NO_INCIDENT
        yield Input(ack.at_ms, 2, mine, doubt, observed.pages_by(ack.at_ms))


def _doubt_of(incident: Simulated, observed: Observed, ack: Ack) -> Doubt | None:
    if observed.channels_by(ack.at_ms) <= set(incident.asked):
        return None
    return Doubt.ELSEWHERE if incident.asked else Doubt.NOT_ASKED


def _order(each: Input) -> tuple[int, int]:
    return each.at_ms, each.rank
