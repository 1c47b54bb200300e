"""One watch over the records: reads on, looks now and then at what is overdue, and pages it.

It pages only what is overdue by the grace, with every record known that Kafka had a moment before, and only where no
ACK holds the claim. A worker that was only late pages with the same dedup key: PagerDuty takes the two for one.
"""

import asyncio
import time

from collections.abc import Sequence
from datetime import timedelta

import structlog

from config.settings import MAX_WAIT_MINUTES, Settings
from reconciler import metrics
from reconciler.consume import KAFKA_TROUBLES, Reading
from reconciler.obligations import Obligation, Obligations
from reconciler.page import entry_for, trigger_for
from reconciler.publish import Publisher
from reconciler.vigil import Vigil
from state.claims import Claim, Claims, Contest, Winner
from streams.records import Millis
from streams.topics import Topic, topic_name


log = structlog.get_logger("ackline.reconciler")

LOOK_BACK_MS = MAX_WAIT_MINUTES * 60_000 + 24 * 3600 * 1000
"""The longest wait, and a day on which nobody may have been there to page."""
MOST_AT_ONCE = 100
_LONGEST_CHECK_SECONDS = 5.0


class Watch:
    """Compares what is due with what was decided."""

    def __init__(self, settings: Settings, reading: Reading, publisher: Publisher, claims: Claims) -> None:
        grace = settings.reconciler.grace
        self._reading = reading
        self._publisher = publisher
        self._claims = claims
        self._delays = topic_name(settings.kafka.topic_prefix, Topic.DELAYS)
        self._obligations = Obligations(new_rounds=settings.oncall.new_rounds)
        self._vigil = Vigil(grace // timedelta(milliseconds=1))
        self._look_every = min(_LONGEST_CHECK_SECONDS, grace.total_seconds() / 4)
        self._look_at = 0.0
        self._is_looked_at = False
        self.moved = time.monotonic()
        """When it last got on, or had nothing to read."""
        self.kafka_trouble: str | None = None
        self.redis_trouble: str | None = None

    @property
    def behind(self) -> int:
        """How many records are still to be read."""
        return self._reading.behind

    async def begin(self) -> None:
        """Connect, and go back to where what may still be owed begins."""
        await self._publisher.start()
        await self._reading.start(_now_ms() - LOOK_BACK_MS)
        self.moved = time.monotonic()

    async def keep(self, stop: asyncio.Event) -> None:
        """Watch until told to stop."""
        while not stop.is_set():
            if time.monotonic() >= self._look_at:
                await self._aim()
            seen = await self._reading.read()
            for each in seen:
                self._obligations.apply(each)
            if seen or not self.behind:
                self.moved = time.monotonic()
            if not self.behind and not self._is_looked_at:
                self._is_looked_at = True
                await self._look()

    async def _aim(self) -> None:
        self._look_at = time.monotonic() + self._look_every
        try:
            await self._reading.aim()
        except KAFKA_TROUBLES as problem:
            self.kafka_trouble = f"no broker answers ({type(problem).__name__})"
            self._vigil.interrupted()
        else:
            self.kafka_trouble = None
            self._is_looked_at = False

    async def _look(self) -> None:
        now_ms = _now_ms()
        self._obligations.forget(now_ms - LOOK_BACK_MS)
        metrics.PENDING.set(self._obligations.pending)
        due_before_ms = self._vigil.overdue_before(now_ms, time.monotonic_ns() // 1_000_000)
        if due_before_ms is None:
            return
        owed = self._obligations.overdue(due_before_ms, MOST_AT_ONCE)
        if owed:
            await self._settle(owed, now_ms)
            self._look_at = 0.0  # there may be more, and an ACK may have come meanwhile: read on first

    async def _settle(self, owed: Sequence[Obligation], now_ms: Millis) -> None:
        contests = [Contest(each.incident_id, each.round) for each in owed]
        held = await self._claims.claim(contests, Claim(Winner.PAGE, now_ms))
        unanswered = held.count(None)
        self.redis_trouble = "does not answer; what is overdue is paged all the same" if unanswered else None
        metrics.UNCLAIMED.inc(unanswered)
        for each, claim in zip(owed, held, strict=True):
            if claim is None or claim.winner is Winner.PAGE:
                await self._page(each, now_ms)
            else:
                log.warning("overdue_incident_was_acknowledged", incident_id=each.incident_id, round=each.round,
                            hint="no streams worker has taken note of it: see to them")  # fmt: skip
            self._obligations.settle(each, now_ms)

    async def _page(self, owed: Obligation, now_ms: Millis) -> None:
        trigger = trigger_for(owed, await self._reading.alert_of(owed), now_ms)
        await self._publisher.publish(Topic.PAGERDUTY_EVENTS, trigger)
        await self._publisher.publish(Topic.INCIDENT_LOG, entry_for(owed, trigger, self._delays))
        metrics.PAGES.inc()
        log.error(
            "overdue_incident_paged",
            incident_id=owed.incident_id,
            round=owed.round,
            lateness_ms=now_ms - owed.due_ms,
            reason="no streams worker has paged it",
            hint="this should never happen: see to the streams role, and report it where its workers are well",
        )


def _now_ms() -> Millis:
    return time.time_ns() // 1_000_000
