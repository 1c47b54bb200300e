"""Takes an acknowledgement down: claims it in Redis, publishes it to Kafka, and says what the person is told.

One of the two is enough for success, and the other is tried again in the background. The record is always published,
also when somebody was first: the topic is the proof of who did what.
"""

import secrets

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ingest import metrics
from ingest.backlog import Backlog
from ingest.publish import Message, NotPublished, Publisher
from ingest.verdict import Answer, Verdict, claim_outcome, judge
from state.claims import Claim, Claims, Contest, Winner
from state.incident import Incident
from state.read_model import Reader, Unavailable
from streams.codec import encode
from streams.records import Ack, Millis
from streams.records.identity import source_key_of
from streams.topics import Topic


log = structlog.get_logger("ackline.ingest")

MAX_BY = 100
ANONYMOUS = "link"
"""Who acknowledges that does not say: whoever holds the link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """An acknowledgement, and what is known about its incident."""

    verdict: Verdict
    incident_id: str
    incident: Incident | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where acknowledgements are taken down."""

    publisher: Publisher
    claims: Claims
    reader: Reader
    backlog: Backlog
    now_ms: Callable[[], Millis]

    async def acknowledge(self, incident_id: str, *, by: str, via: str) -> Acknowledged:
        """Take it down for a well-formed incident id, and say what came of it. Never raises."""
        known = await self.look_up(incident_id)
        actual = known.incident_id if known else incident_id
        contest = Contest(actual, known.round if known else 1)
        mine = Claim(Winner.ACK, self.now_ms(), by)
        (held,) = await self.claims.claim([contest], mine)
        ack = _record(contest, mine, held, via)
        published = await self._publish(ack)
        verdict = judge(held=held, mine=mine, known=known, published=published)
        self._make_up(ack, contest, mine, claimed=held is not None, published=published)
        metrics.ACKNOWLEDGED.labels(answer=verdict.answer).inc()
        log.info("acknowledgement_received", incident_id=actual, ack_id=ack.ack_id, answer=verdict.answer, via=via)
        return Acknowledged(verdict=verdict, incident_id=actual, incident=known)

    async def look_up(self, incident_id: str) -> Incident | None:
        """What the read model knows, or None where it knows nothing or cannot be asked."""
        try:
            return await self.reader.find(incident_id)
        except Unavailable:
            return None

    async def _publish(self, ack: Ack) -> bool:
        try:
            await self.publisher.publish([Message(Topic.ACKS, ack.source_key, encode(ack))])
        except NotPublished as problem:
            log.warning("acknowledgement_not_published", incident_id=ack.incident_id, reason=problem.reason)
            return False
        return True

    def _make_up(self, ack: Ack, contest: Contest, mine: Claim, *, claimed: bool, published: bool) -> None:
        if claimed and not published:
            self.backlog.add("kafka", ack.incident_id, lambda: self._publish(ack))
        if published and not claimed:
            self.backlog.add("redis", ack.incident_id, lambda: self._claim(contest, mine))

    async def _claim(self, contest: Contest, mine: Claim) -> bool:
        (held,) = await self.claims.claim([contest], mine)
        return held is not None


def who(given: str | None) -> str:
    """The name that somebody gives: one line of printable text, not too long."""
    printable = "".join(character for character in given or "" if character.isprintable())
    return " ".join(printable.split())[:MAX_BY] or ANONYMOUS


def was_saved(verdict: Verdict) -> bool:
    """Whether anything has the acknowledgement."""
    return verdict.answer is not Answer.NOT_SAVED


def _record(contest: Contest, mine: Claim, held: Claim | None, via: str) -> Ack:
    return Ack(
        ack_id=secrets.token_urlsafe(16),
        incident_id=contest.incident_id,
        source_key=source_key_of(contest.incident_id) or "",
        at_ms=mine.at_ms,
        by=mine.by,
        via=via,
        round=contest.round,
        claim=claim_outcome(held, mine),
    )
