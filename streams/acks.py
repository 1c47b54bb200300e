"""What is known of ACKs before a deadline is decided: whether Redis holds a claim, and whether all that Kafka has is read.

Kafka keeps no order between topics: a tick may be read before an ACK that was written earlier, after a takeover above
all. A claim in Redis settles it; where Redis is silent, or has lost what it knew, the reading does. Both are bounded,
since in doubt somebody is paged: no call to Redis takes longer than the configured timeout, and none is made for a while
after one went unanswered.
"""

import time

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from state.claims import Claim, Claims, Contest, Winner
from streams import metrics
from streams.decide.escalation import Claimed
from streams.decide.telling import Acknowledgement, Escalation
from streams.records import Millis


log = structlog.get_logger("ackline.streams.timer")

PATIENCE_SECONDS = 5.0
"""How long deadlines wait for ACKs that Kafka has and does not give."""

REDIS_REST_SECONDS = 2.0
"""How long Redis is left alone after it gave no answer, so that its trouble costs one wait and not one per tick."""

Offset = int
Partition = int


@dataclass(slots=True)
class _Wait:
    end: Offset | None
    """Up to here ACKs have to be read; None while Kafka does not say."""
    since: float


class Acks:
    """Claims in Redis; how far the ACKs of each partition are read, and how far they go."""

    def __init__(
        self,
        claims: Claims,
        *,
        end_of: Callable[[Partition], Awaitable[Offset | None]],
        begun_at: Callable[[Partition], Offset],
    ) -> None:
        self._claims = claims
        self._ask_redis_from = 0.0
        self.redis_trouble: str | None = None
        """What was wrong with Redis when it was last asked; None where all was well."""
        self._end_of = end_of
        self._begun_at = begun_at
        self._read: dict[Partition, Offset] = {}
        self._waits: dict[Partition, _Wait] = {}

    def read(self, partition: Partition, offset: Offset) -> None:
        """An ACK is decided about."""
        self._read[partition] = offset + 1

    def rewind(self) -> None:
        """Partitions moved: they are read again from their commits."""
        self._read.clear()
        self._waits.clear()

    def awaited(self) -> set[Partition]:
        """Partitions whose deadlines have waited, and need to no more."""
        return {partition for partition, wait in self._waits.items() if self._are_read(partition, wait.end)}

    async def are_known(self, partition: Partition) -> bool:
        """Whether deadlines can be decided: all ACKs that Kafka had when this was first asked are read, or it takes
        too long."""
        wait = self._waits.get(partition)
        if wait is None or wait.end is None:
            wait = _Wait(await self._end_of(partition), wait.since if wait else time.monotonic())
        if self._are_read(partition, wait.end):
            self._waits.pop(partition, None)
            return True
        if time.monotonic() - wait.since < PATIENCE_SECONDS:
            self._waits[partition] = wait
            return False
        log.warning("acks_not_read", partition=partition, up_to=wait.end, reason="in doubt somebody is paged")
        del self._waits[partition]
        if wait.end is not None:
            self._read[partition] = wait.end  # what did not come by now does not come at all
        return True

    async def claimed(self, pending: Sequence[Escalation], now_ms: Millis) -> dict[str, Claimed]:
        """Claim the round of every escalation that is about to be paged. Who is missing in the answer is paged."""
        if not pending or time.monotonic() < self._ask_redis_from:
            return {}
        contests = [Contest(escalation.incident_id, escalation.round) for escalation in pending]
        held = await self._claims.claim(contests, Claim(Winner.PAGE, now_ms))
        unanswered = held.count(None)
        self.redis_trouble = "does not answer; what is due is paged unless Kafka has an ACK" if unanswered else None
        if unanswered:
            self._ask_redis_from = time.monotonic() + REDIS_REST_SECONDS
            metrics.CLAIMS_UNANSWERED.inc(unanswered)
            log.warning("claims_unanswered", count=unanswered, reason="Redis gave no answer; Kafka alone decides")
        return {
            contest.incident_id: Claimed(Acknowledgement("", claim.by, claim.at_ms, "claim"))
            for contest, claim in zip(contests, held, strict=True)
            if claim is not None and claim.winner is Winner.ACK
        }

    def _are_read(self, partition: Partition, end: Offset | None) -> bool:
        return end is not None and self._read.get(partition, self._begun_at(partition)) >= end
