"""What a person who acknowledges is told, for every way in which claim, read model and Kafka can meet."""

import pytest

from ingest.acknowledge import ANONYMOUS, MAX_BY, who
from ingest.pages import words_for
from ingest.verdict import Answer, Verdict, claim_outcome, judge
from state.claims import Claim, Winner
from state.incident import Acknowledgement, Incident, IncidentState
from streams.records import AckClaim


MINE = Claim(Winner.ACK, 2_000, "ada")
THEIRS = Claim(Winner.ACK, 1_000, "bob")
PAGE = Claim(Winner.PAGE, 1_500)
FIRST = Acknowledgement(by="cleo", via="link", at_ms=900, late=False)


def incident(state: IncidentState) -> Incident:
    acknowledgement = FIRST if state is IncidentState.ACKNOWLEDGED else None
    return Incident(
        incident_id="i", state=state, round=1, acknowledgement=acknowledgement, escalated_ms=1_600, resolved_ms=1_700
    )


PENDING, ACKED, ESCALATED, RESOLVED = (
    incident(IncidentState.PENDING),
    incident(IncidentState.ACKNOWLEDGED),
    incident(IncidentState.ESCALATED),
    incident(IncidentState.RESOLVED),
)


@pytest.mark.parametrize(
    ("held", "known", "published", "answer", "by", "at_ms"),
    [
        # With a claim, Kafka's answer makes no difference to what is told.
        pytest.param(MINE, PENDING, True, Answer.ACKNOWLEDGED, "ada", 2_000, id="first"),
        pytest.param(MINE, PENDING, False, Answer.ACKNOWLEDGED, "ada", 2_000, id="first, without Kafka"),
        pytest.param(MINE, None, True, Answer.RECORDED, "ada", 2_000, id="not in the read model"),
        pytest.param(MINE, None, False, Answer.RECORDED, "ada", 2_000, id="not in the read model, without Kafka"),
        pytest.param(THEIRS, PENDING, True, Answer.ALREADY_ACKNOWLEDGED, "bob", 1_000, id="second"),
        pytest.param(THEIRS, None, False, Answer.ALREADY_ACKNOWLEDGED, "bob", 1_000, id="second, nothing known"),
        pytest.param(PAGE, PENDING, True, Answer.ALREADY_ESCALATED, "ada", 1_500, id="late, and nobody knows yet"),
        pytest.param(PAGE, ESCALATED, True, Answer.ALREADY_ESCALATED, "ada", 1_500, id="late"),
        pytest.param(PAGE, None, False, Answer.ALREADY_ESCALATED, "ada", 1_500, id="late, without Kafka"),
        pytest.param(MINE, ESCALATED, True, Answer.ALREADY_ESCALATED, "ada", 1_600, id="paged without a claim"),
        pytest.param(THEIRS, ESCALATED, True, Answer.ALREADY_ESCALATED, "ada", 1_600, id="paged, acked late before"),
        pytest.param(MINE, ACKED, True, Answer.ALREADY_ACKNOWLEDGED, "cleo", 900, id="acked without a claim"),
        pytest.param(MINE, RESOLVED, True, Answer.RESOLVED, "ada", 1_700, id="resolved"),
        pytest.param(PAGE, RESOLVED, True, Answer.RESOLVED, "ada", 1_700, id="paged and resolved"),
        # What somebody else was told before holds without Redis too.
        pytest.param(None, ACKED, True, Answer.ALREADY_ACKNOWLEDGED, "cleo", 900, id="went away, acked before"),
        # With neither, nobody may be told that it is saved, whatever else is known.
        pytest.param(None, None, False, Answer.NOT_SAVED, "ada", None, id="neither"),
        pytest.param(None, PENDING, False, Answer.NOT_SAVED, "ada", None, id="neither, pending"),
        pytest.param(None, RESOLVED, False, Answer.NOT_SAVED, "ada", None, id="neither, resolved"),
    ],
)
def test_what_is_told(
    held: Claim | None, known: Incident | None, published: bool, answer: Answer, by: str, at_ms: int | None
) -> None:
    """Each row is one way in which Redis, the read model and Kafka can answer."""
    assert Verdict(answer=answer, by=by, at_ms=at_ms) == judge(held=held, mine=MINE, known=known, published=published)


@pytest.mark.parametrize("known", [pytest.param(None, id="nothing known"), pytest.param(PENDING, id="pending")])
def test_who_has_no_claim_is_told_that_the_page_may_come(known: Incident | None) -> None:
    """The record in Kafka is enough for success, and not for a promise."""
    told = judge(held=None, mine=MINE, known=known, published=True)

    assert (Answer.RECORDED, True) == (told.answer, told.page_may_come)
    assert "page may still come" in words_for(told).text


@pytest.mark.parametrize("published", [pytest.param(True, id="in Kafka"), pytest.param(False, id="in Redis only")])
def test_who_acknowledges_by_an_unknown_id_is_told_that_the_page_may_come(*, published: bool) -> None:
    """It may be the id of a repeat, and the incident has another."""
    told = judge(held=MINE, mine=MINE, known=None, published=published)

    assert (Answer.RECORDED, True) == (told.answer, told.page_may_come)


def test_who_won_the_claim_of_a_known_incident_is_promised_that_nobody_is_paged() -> None:
    """With Kafka or without."""
    told = [judge(held=MINE, mine=MINE, known=PENDING, published=published) for published in (True, False)]

    assert [(Answer.ACKNOWLEDGED, False)] * 2 == [(each.answer, each.page_may_come) for each in told]


@pytest.mark.parametrize(
    ("held", "outcome"),
    [
        pytest.param(MINE, AckClaim.WON, id="mine"),
        pytest.param(THEIRS, AckClaim.ALREADY_ACKNOWLEDGED, id="theirs"),
        pytest.param(PAGE, AckClaim.ALREADY_ESCALATED, id="page"),
        pytest.param(None, AckClaim.UNKNOWN, id="nobody knows"),
    ],
)
def test_the_record_says_how_the_claim_fared(held: Claim | None, outcome: AckClaim) -> None:
    """The timer decides by this word when its own table does not know better."""
    assert outcome == claim_outcome(held, MINE)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        pytest.param("ada", "ada", id="plain"),
        pytest.param(None, ANONYMOUS, id="nothing"),
        pytest.param("  \n ", ANONYMOUS, id="blank"),
        pytest.param("ada\r\nX: y", "adaX: y", id="line break"),
        pytest.param("ada\x00\x1b[31m\u202e", "ada[31m", id="control characters"),
        pytest.param("é" * 200, "é" * MAX_BY, id="long"),
    ],
)
def test_a_name_is_one_line_of_printable_text(given: str | None, name: str) -> None:
    """Names go into logs, pages and Slack."""
    assert name == who(given)
