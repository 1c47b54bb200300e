"""What opens an obligation, what brings it nearer, and what settles it."""

from typing import Any

import pytest

from reconciler.obligations import NEAR_MS, Obligations, Seen
from streams.records import (
    Ack,
    AckClaim,
    DelayAlertsAdded,
    DelayCancelled,
    DelayExpedited,
    DelayScheduled,
    PagerDutyAcknowledge,
    PagerDutyTrigger,
    PageReason,
)


COMMON: dict[str, Any] = {"incident_id": "inc", "source_key": "src"}
LATER = 10 * NEAR_MS


def scheduled(due: int = 1_000, **more: Any) -> DelayScheduled:
    given = {"event_id": "e1", "at_ms": 0, "payload": {}, "routing_key_name": "infra", **more}
    return DelayScheduled(**COMMON, due_ms=due, **given)


def added(due: int = 90_000, event: str = "e2") -> DelayAlertsAdded:
    return DelayAlertsAdded(**COMMON, event_id=event, at_ms=0, due_ms=due, payload={}, routing_key_name="other")


def cancelled() -> DelayCancelled:
    return DelayCancelled(**COMMON, event_id="e9", at_ms=0)


def expedited(at: int = 10) -> DelayExpedited:
    return DelayExpedited(**COMMON, event_id="e8", at_ms=at, reason="channel_not_found")


def ack(claim: AckClaim = AckClaim.WON, number: int = 1) -> Ack:
    return Ack(**COMMON, ack_id="k", at_ms=0, by="ann", via="link", round=number, claim=claim)


def page(number: int = 1) -> PagerDutyTrigger:
    given = {"dedup_key": "d", "at_ms": 0, "due_ms": 0, "reason": PageReason.DEADLINE_PASSED, "payload": {}}
    return PagerDutyTrigger(**COMMON, round=number, **given)


def told_to_stop() -> PagerDutyAcknowledge:
    return PagerDutyAcknowledge(**COMMON, round=1, dedup_key="d", at_ms=0, by="ann")


def after(*records: Any, new_rounds: bool = True, apart: int = LATER) -> Obligations:
    """What is known after these records, so far apart from each other."""
    known = Obligations(new_rounds=new_rounds)
    for number, record in enumerate(records, 1):
        known.apply(Seen(record, number * apart, partition=3, offset=number))
    return known


def owed(known: Obligations) -> list[tuple[int, int]]:
    """The rounds that are owed, and when they are due."""
    return [(one.round, one.due_ms) for one in known.overdue(10**12, 10)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([scheduled()], [(1, 1_000)], id="an-incident-s-deadline"),
        pytest.param([scheduled(), scheduled(due=5)], [(1, 1_000)], id="read-twice-it-is-one"),
        pytest.param([added()], [(1, 90_000)], id="nobody-was-on-call-before"),
        pytest.param([scheduled(), added()], [(1, 1_000)], id="added-alerts-share-the-nearer-deadline"),
        pytest.param([scheduled(), added(due=7)], [(1, 7)], id="added-alerts-bring-it-nearer"),
        pytest.param([scheduled(), expedited()], [(1, 10)], id="slack-refused-so-it-is-due"),
        pytest.param([expedited(), scheduled(due=90_000)], [(1, 2 * LATER)], id="the-refusal-overtook-the-deadline"),
        pytest.param([scheduled(), ack(AckClaim.ALREADY_ESCALATED)], [(1, 1_000)], id="the-ack-came-too-late"),
        pytest.param([scheduled(), told_to_stop()], [(1, 1_000)], id="only-a-trigger-is-a-page"),
        pytest.param([scheduled(), ack()], [], id="acknowledged"),
        pytest.param([scheduled(), ack(AckClaim.UNKNOWN)], [], id="acknowledged-without-redis"),
        pytest.param([scheduled(), ack(AckClaim.ALREADY_ACKNOWLEDGED)], [], id="acknowledged-by-the-second-one"),
        pytest.param([ack(), scheduled()], [], id="the-ack-overtook-the-deadline"),
        pytest.param([scheduled(), ack(), scheduled()], [], id="acknowledged-and-read-again"),
        pytest.param([scheduled(), cancelled()], [], id="resolved"),
        pytest.param([cancelled()], [], id="nobody-was-on-call"),
        pytest.param([scheduled(), page()], [], id="paged"),
        pytest.param([scheduled(), page(), expedited()], [], id="paged-and-then-refused-by-slack"),
        pytest.param([scheduled(), ack(), added()], [(2, 90_000)], id="a-new-round-after-an-ack"),
        pytest.param([scheduled(), page(), added()], [(2, 90_000)], id="a-new-round-after-a-page"),
        pytest.param([scheduled(), page(), added(), page()], [(2, 90_000)], id="the-page-of-the-first-round-again"),
        pytest.param([scheduled(), page(), added(), page(2)], [], id="both-rounds-paged"),
        pytest.param([scheduled(), page(), added(), ack(number=2)], [], id="the-second-round-acknowledged"),
        pytest.param([scheduled(), added(), ack(), added()], [], id="added-alerts-read-again-begin-no-round"),
        pytest.param([scheduled(), cancelled(), added(), cancelled()], [(2, 90_000)], id="a-cancel-read-again"),
        pytest.param([page(2), added()], [(3, 90_000)], id="a-page-tells-the-round"),
    ],
)
def test_what_is_owed(records: list[Any], expected: list[tuple[int, int]]) -> None:
    """After such a history these rounds are owed, due at these times."""
    known = after(*records)

    assert expected == owed(known)
    assert len(expected) == known.pending


def test_new_rounds_can_be_switched_off() -> None:
    """Then one ACK or page is for all that the incident will ever have."""
    assert [] == owed(after(scheduled(), ack(), added(), new_rounds=False))


def test_what_was_added_at_the_moment_of_an_ack_counts_as_acknowledged() -> None:
    """Two topics have no order between them; nobody who has just said "I have it" is paged for that."""
    assert [] == owed(after(scheduled(), ack(), added(), apart=NEAR_MS))


def test_an_obligation_names_the_alert_and_the_key() -> None:
    """The newest alert's place, and the key name that the incident began with: PagerDuty needs the same throughout."""
    (one,) = after(scheduled(), added()).overdue(10**12, 10)

    assert (3, 2, "infra") == (one.partition, one.offset, one.routing_key_name)


def test_only_what_was_due_before_is_overdue_and_it_stays_so() -> None:
    """Looking changes nothing, or what could not be paged now would never be."""
    known = after(scheduled(due=1_000))

    assert [] == known.overdue(1_000, 10)
    assert 1 == len(known.overdue(1_001, 10)) == len(known.overdue(1_001, 10))


def test_the_earliest_come_first() -> None:
    """However many there are."""
    known = Obligations(new_rounds=True)
    for number in (3, 1, 2):
        record = DelayScheduled(
            incident_id=f"i{number}", source_key="s", event_id="e", at_ms=0, due_ms=number, payload={}
        )
        known.apply(Seen(record, 0, 0, number))

    assert ["i1", "i2"] == [one.incident_id for one in known.overdue(10, 2)]


def test_what_is_settled_is_owed_no_more() -> None:
    """Paged by ourselves, it is paged once."""
    known = after(scheduled())
    (one,) = known.overdue(10**12, 10)

    known.settle(one, LATER)

    assert [] == owed(known)
    assert 0 == known.pending


def test_what_was_settled_long_ago_is_forgotten_and_what_is_owed_is_not() -> None:
    """Memory is for what can still matter."""
    settled, still_owed = after(scheduled(), ack()), after(scheduled())

    for known in (settled, still_owed):
        known.forget(10**12)

    assert 0 == len(settled._rows)
    assert [(1, 1_000)] == owed(still_owed)
