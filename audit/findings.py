"""What the ledger can find wrong, and where to see it."""

from enum import StrEnum

import msgspec

from streams.topics import Topic


class Kind(StrEnum):
    """In which way a promise was broken. `MEANINGS` says it in words."""

    LOST = "lost"
    UNDELIVERED = "undelivered"
    ACKED_BUT_PAGED = "acked_but_paged"
    DOUBLE = "double"
    EARLY = "early"
    LATE = "late"
    WRONG_KEY = "wrong_key"
    UNOWED = "unowed"
    UNDECIDED = "undecided"
    UNTOLD = "untold"
    MISSING = "missing"
    REPEATED = "repeated"
    CONTRADICTION = "contradiction"


MEANINGS = {
    Kind.LOST: "owed, due, and nobody was paged",
    Kind.UNDELIVERED: "decided, and PagerDuty has not taken it",
    Kind.ACKED_BUT_PAGED: "acknowledged, and paged all the same",
    Kind.DOUBLE: "ended more than once",
    Kind.EARLY: "paged before it was due",
    Kind.LATE: "paged later than the bound",
    Kind.WRONG_KEY: "paged through another key than the alert named",
    Kind.UNOWED: "paged, and nothing asked for it",
    Kind.UNDECIDED: "accepted, and nothing was decided about it",
    Kind.UNTOLD: "to be told in Slack, and neither told nor refused",
    Kind.MISSING: "a record that must be there is not",
    Kind.REPEATED: "the same place was read twice",
    Kind.CONTRADICTION: "records about the same thing that do not agree",
}


class Place(msgspec.Struct, frozen=True, order=True):
    """Where a record lies."""

    topic: Topic
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic} {self.partition}:{self.offset}"


class Finding(msgspec.Struct, frozen=True):
    """One broken promise, with the records that show it."""

    kind: Kind
    words: str
    evidence: tuple[Place, ...]
    incident_id: str | None = None
    source_key: str | None = None
    """Of an alert for which no incident is known."""
    round: int | None = None
    due_ms: int | None = None


_KINDS = tuple(Kind)


def in_order(findings: list[Finding]) -> list[Finding]:
    """The worst kinds first; the same findings always in the same order, each of them once."""
    return sorted(set(findings), key=_order)


def _order(finding: Finding) -> tuple[int, str, int, str, tuple[Place, ...]]:
    about = finding.incident_id or finding.source_key or ""
    return _KINDS.index(finding.kind), about, finding.round or 0, finding.words, finding.evidence
