"""What a person who acknowledges is told: a pure function of the claim, the read model and Kafka's answer.

Nobody is told "acknowledged" who may still be paged: only a claim in Redis settles that, for an incident that is known.
Where Kafka alone has the acknowledgement it counts from when the timer agent reads it, and a page that was decided in
that very moment comes all the same. And an id that the read model does not know may be that of a repeat, whose incident
has another one. Whoever acknowledges is told so.
"""

from dataclasses import dataclass
from enum import StrEnum

from state.claims import Claim, Winner
from state.incident import Incident, IncidentState
from streams.records import AckClaim, Millis


class Answer(StrEnum):
    """What an acknowledgement came to."""

    ACKNOWLEDGED = "acknowledged"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    ALREADY_ESCALATED = "already_escalated"
    RESOLVED = "resolved"
    RECORDED = "recorded"
    """Taken down for an incident that the read model does not know, or not yet; or in Kafka only. The page may come."""
    NOT_SAVED = "not_saved"
    """Nothing has it. Whoever is on call may still be paged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer, and who was first and when where somebody else was."""

    answer: Answer
    by: str
    at_ms: Millis | None = None

    @property
    def page_may_come(self) -> bool:
        """It is saved, or is not; whether the page is on its way all the same is not known."""
        return self.answer in {Answer.RECORDED, Answer.NOT_SAVED}


def judge(*, held: Claim | None, mine: Claim, known: Incident | None, published: bool) -> Verdict:
    """What to tell whoever made the claim `mine`.

    `held` is the claim that stands in Redis (None: out of reach), `known` what the read model says (None: nothing),
    `published` whether Kafka has the acknowledgement.
    """
    if held is None and not published:
        return Verdict(answer=Answer.NOT_SAVED, by=mine.by)
    if known is not None and known.state is IncidentState.RESOLVED:
        return Verdict(answer=Answer.RESOLVED, by=mine.by, at_ms=known.resolved_ms)
    if held is not None and held.winner is Winner.PAGE:
        return Verdict(answer=Answer.ALREADY_ESCALATED, by=mine.by, at_ms=held.at_ms)
    # Where the timer paged without Redis, no claim tells of it and the read model does.
    if known is not None and known.state is IncidentState.ESCALATED:
        return Verdict(answer=Answer.ALREADY_ESCALATED, by=mine.by, at_ms=known.escalated_ms)
    if held is not None and held != mine:
        return Verdict(answer=Answer.ALREADY_ACKNOWLEDGED, by=held.by or "link", at_ms=held.at_ms)
    if known is not None and known.state is IncidentState.ACKNOWLEDGED and (first := known.acknowledgement):
        return Verdict(answer=Answer.ALREADY_ACKNOWLEDGED, by=first.by, at_ms=first.at_ms)
    answer = Answer.RECORDED if held is None or known is None else Answer.ACKNOWLEDGED
    return Verdict(answer=answer, by=mine.by, at_ms=mine.at_ms)


def claim_outcome(held: Claim | None, mine: Claim) -> AckClaim:
    """How the claim fared, in the words of the `acks` record."""
    if held is None:
        return AckClaim.UNKNOWN
    if held.winner is Winner.PAGE:
        return AckClaim.ALREADY_ESCALATED
    return AckClaim.WON if held == mine else AckClaim.ALREADY_ACKNOWLEDGED
