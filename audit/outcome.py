"""How one obligation has ended, and whether it was once, in time, and through the right key. Pure."""

from collections.abc import Iterator
from enum import StrEnum

from audit.findings import Finding, Kind, Place
from audit.obligation import NOWHERE, Obligation, Page
from audit.terms import NEAR_MS, Terms
from audit.trail import Trail
from streams.records import AckClaim
from streams.topics import Topic


class Outcome(StrEnum):
    """All that can become of an obligation."""

    ACKED = "acked"
    RESOLVED = "resolved"
    PAGED = "paged"
    """And PagerDuty has taken it."""
    UNDELIVERED = "undelivered"
    """Paged, and PagerDuty has not taken it (yet)."""
    NOT_YET_DUE = "not_yet_due"
    LOST = "lost"


_WINS = {AckClaim.WON, AckClaim.ALREADY_ACKNOWLEDGED}
"""Whoever has got this from Redis was told "acknowledged"."""


class Case:
    """One obligation, before its judge."""

    def __init__(self, row: Obligation, first: Obligation, earlier: Obligation | None, terms: Terms, partition: int,
                 acks: Trail) -> None:  # fmt: skip
        """`first`: the incident's first round, which may be the same; `earlier`: the one before, if there was one."""
        self._row = row
        self._first = first
        self._earlier = earlier
        self._terms = terms
        self._partition = partition
        self._acks = acks

    @property
    def outcome(self) -> Outcome:
        """What has become of it."""
        row = self._row
        if row.page is not None and row.page.receipt != NOWHERE:
            return Outcome.PAGED
        if row.is_paged:
            return Outcome.LOST if self._is_refused else Outcome.UNDELIVERED
        if row.acknowledged != NOWHERE or row.acknowledged_late != NOWHERE or self._is_clicked_in_time:
            return Outcome.ACKED
        if row.cancelled != NOWHERE or self._is_resolved:
            return Outcome.RESOLVED
        return Outcome.LOST if row.due <= self._terms.horizon_ms else Outcome.NOT_YET_DUE

    def findings(self) -> Iterator[Finding]:
        """All that is wrong with it."""
        yield from self._beginning()
        yield from self._ending()
        page = self._row.page
        if page is not None and page.trigger != NOWHERE:
            yield from self._timing(page)
            yield from self._keys(page)
            if page.triggers and page.escalated == NOWHERE and page.at_ms <= self._terms.horizon_ms:
                yield self._found(Kind.MISSING, "the incident log does not say that it was paged", self._page(page))
        elif page is not None:
            yield self._found(Kind.MISSING, "the incident log speaks of a page, and there is no trigger", *self._said())

    @property
    def _is_clicked_in_time(self) -> bool:
        clicked = self._row.clicked
        return clicked is not None and clicked.claim is not AckClaim.ALREADY_ESCALATED

    @property
    def _is_acknowledged_by_another_rounds_ack(self) -> bool:
        by = self._row.acknowledged_by
        return by != NOWHERE and self._earlier is not None and self._earlier.acknowledged_by == by

    @property
    def _is_refused(self) -> bool:
        """Whether PagerDuty will not have it, and no other key has helped."""
        page = self._row.page
        return page is not None and page.refused != NOWHERE and self._is_past(page.at_ms)

    @property
    def _is_resolved(self) -> bool:
        return self._first.resolved != NOWHERE or self._first.cancel != NOWHERE

    def _beginning(self) -> Iterator[Finding]:
        row = self._row
        begun = self._log(row.begun)
        if row.scheduled == NOWHERE:
            if row.begun_ms <= self._terms.horizon_ms:
                yield self._found(Kind.MISSING, "its deadline is not in `delays`", begun)
        elif row.scheduled_due_ms:
            if row.scheduled_due_ms != row.due_ms:
                yield self._found(Kind.CONTRADICTION, "its deadline is another in `delays`", begun, self._deadline())
            if row.round == 1 and row.scheduled_key_name != row.key_name:
                yield self._found(Kind.CONTRADICTION, "its key is another in `delays`", begun, self._deadline())

    def _ending(self) -> Iterator[Finding]:
        page = self._row.page
        if self._is_acknowledged_by_another_rounds_ack:
            places = self._log(self._row.acknowledged), self._at(Topic.ACKS, self._row.acknowledged_by)
            yield self._found(Kind.LOST, "it ended with the ACK that had ended the round before", *places)
        if self._is_refused and self.outcome is Outcome.LOST:
            yield self._found(Kind.LOST, "PagerDuty has refused the page, and nobody was woken", *self._said())
        elif self.outcome is Outcome.LOST:
            yield self._found(Kind.LOST, "nobody was paged, and nobody has acknowledged it", *self._owed())
        if page is not None and page.trigger != NOWHERE:
            yield from self._ended_twice(page)
        else:
            yield from self._ended_late()
        yield from self._unheard()

    def _ended_late(self) -> Iterator[Finding]:
        """Nobody was paged, since it has ended before; but was that before it was due?"""
        row, first = self._row, self._first
        if self.outcome is Outcome.RESOLVED and row.cancelled == NOWHERE and self._is_past(first.resolved_ms):
            yield self._found(Kind.MISSING, "nothing says that its deadline ended when it was resolved", *self._owed())
        ends = [row.decided_ms, first.resolved_ms if self._is_resolved else 0, row.clicked.at_ms if row.clicked else 0]
        known = [end for end in ends if end]
        if self.outcome in {Outcome.ACKED, Outcome.RESOLVED} and known:
            lateness = min(known) - row.due
            if lateness > self._terms.late_after_ms:
                yield self._found(
                    Kind.LATE, f"was due {lateness} ms before it ended, and nobody was paged", *self._owed()
                )

    def _ended_twice(self, page: Page) -> Iterator[Finding]:
        row, clicked = self._row, self._row.clicked
        if row.acknowledged != NOWHERE:
            places = self._log(row.acknowledged), self._page(page)
            yield self._found(Kind.ACKED_BUT_PAGED, "it ended with an ACK, and was paged", *places)
        elif clicked is not None and self._was_paged_after(clicked.claim, clicked.at_ms, page):
            places = self._at(Topic.ACKS, clicked.offset), self._page(page)
            yield self._found(Kind.ACKED_BUT_PAGED, "paged after somebody had acknowledged it", *places)
        if row.cancelled != NOWHERE:
            yield self._found(Kind.DOUBLE, "it ended when it was resolved, and was paged",
                              self._log(row.cancelled), self._page(page))  # fmt: skip

    def _was_paged_after(self, claim: AckClaim, at_ms: int, page: Page) -> bool:
        if claim in _WINS:
            return page.at_ms >= at_ms
        # Nobody could be asked: Kafka's order decides, which two topics have only roughly.
        return claim is AckClaim.UNKNOWN and page.at_ms > at_ms + NEAR_MS

    def _unheard(self) -> Iterator[Finding]:
        """An ACK that nothing was decided about."""
        row, clicked = self._row, self._row.clicked
        if clicked is None or self._acks.is_said(clicked.offset) or not self._is_past(clicked.timestamp_ms):
            return
        ends = row.acknowledged, row.acknowledged_late, row.cancelled
        if all(end == NOWHERE for end in ends) and not self._is_resolved:
            yield self._found(Kind.MISSING, "nothing was decided about its ACK", self._at(Topic.ACKS, clicked.offset))

    def _timing(self, page: Page) -> Iterator[Finding]:
        row, bound = self._row, self._terms.late_after_ms
        places = [self._page(page), *([self._at(Topic.PAGERDUTY_EVENTS, page.odd)] if page.odd != NOWHERE else [])]
        if page.least_lateness_ms < 0:
            yield self._found(Kind.EARLY, f"paged {-page.least_lateness_ms} ms early", *places)
        elif page.least_due_ms < row.due:
            words = f"paged for a deadline {row.due - page.least_due_ms} ms before its own"
            yield self._found(Kind.EARLY, words, *self._owed(), *places)
        if page.most_due_ms > row.due_ms:
            yield self._found(Kind.CONTRADICTION, "paged for a later deadline than its own", *self._owed(), *places)
        lateness = (page.receipt_ms if page.receipt != NOWHERE else page.at_ms) - min(page.due_ms, row.due_ms)
        if lateness > bound:
            yield self._found(Kind.LATE, f"paged {lateness} ms late", self._page(page), *self._receipt(page))

    def _keys(self, page: Page) -> Iterator[Finding]:
        row = self._row
        if page.strays:
            places = [self._at(Topic.PAGERDUTY_EVENTS, offset) for offset in page.strays]
            words = "paged again as if it were another incident, or through another key"
            yield self._found(Kind.DOUBLE, words, self._page(page), *places)
        if page.routing_key_name != row.key_name:
            words = f"paged through {_key(page.routing_key_name)} instead of {_key(row.key_name)}"
            yield self._found(Kind.WRONG_KEY, words, *self._owed(), self._page(page))
        if page.receipt != NOWHERE and not page.fell_back and page.receipt_key_name != page.routing_key_name:
            words = f"delivered through {_key(page.receipt_key_name)} instead of {_key(page.routing_key_name)}"
            yield self._found(Kind.WRONG_KEY, words, self._page(page), *self._receipt(page))
        said = page.escalated_due_ms, page.escalated_key_name
        if page.escalated != NOWHERE and page.triggers == 1 and said != (page.due_ms, page.routing_key_name):
            words = "the incident log says another deadline or key than the trigger"
            yield self._found(Kind.CONTRADICTION, words, self._log(page.escalated), self._page(page))

    def _is_past(self, timestamp_ms: int) -> bool:
        return timestamp_ms <= self._terms.horizon_ms

    def _found(self, kind: Kind, words: str, *evidence: Place) -> Finding:
        row = self._row
        return Finding(kind, words, evidence, row.incident_id, round=row.round, due_ms=row.due)

    def _owed(self) -> list[Place]:
        return [self._log(self._row.begun), *([self._deadline()] if self._row.scheduled != NOWHERE else [])]

    def _deadline(self) -> Place:
        return self._at(Topic.DELAYS, self._row.scheduled)

    def _page(self, page: Page) -> Place:
        return self._at(Topic.PAGERDUTY_EVENTS, page.trigger)

    def _receipt(self, page: Page) -> list[Place]:
        return [self._log(page.receipt)] if page.receipt != NOWHERE else []

    def _said(self) -> list[Place]:
        page = self._row.page
        offsets = [page.escalated, page.receipt, page.refused] if page else []
        return [self._log(offset) for offset in offsets if offset != NOWHERE]

    def _log(self, offset: int) -> Place:
        return self._at(Topic.INCIDENT_LOG, offset)

    def _at(self, topic: Topic, offset: int) -> Place:
        return Place(topic, self._partition, offset)


def _key(name: str | None) -> str:
    return f"the key {name}" if name else "the default key"
