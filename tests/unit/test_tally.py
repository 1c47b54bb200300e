"""When a note is sent, and what it says."""

from itertools import pairwise

import pytest

from hypothesis import given
from hypothesis import strategies as st

from notifiers.tally import ASK_AGAIN_SECONDS, EVERY, GATHER_SECONDS, Tally


MINUTE = EVERY.total_seconds()


def a_tally(*topics: str, now: float = 100.0) -> Tally:
    tally = Tally()
    for topic in topics:
        tally.add(topic, now)
    return tally


def test_without_letters_there_is_nothing_to_tell() -> None:
    """Ever."""
    assert not a_tally().is_due(1e9)


def test_the_first_note_waits_for_the_others_of_its_moment() -> None:
    """And later ones do not put it off."""
    tally = a_tally("alerts")
    tally.add("alerts", 100.0 + GATHER_SECONDS - 0.1)

    assert [False, True] == [tally.is_due(100.0), tally.is_due(100.0 + GATHER_SECONDS)]


def test_whoever_has_no_turn_asks_again_soon_and_forgets_nothing() -> None:
    """The turn is another's for up to a minute, or was of one who died."""
    tally = a_tally("alerts")
    tally.wait_for_turn(102.0)

    assert [False, True] == [tally.is_due(102.1), tally.is_due(102.0 + ASK_AGAIN_SECONDS)]
    assert 1 == tally.counts.total()


def test_letters_that_come_back_bring_no_second_note_within_the_minute() -> None:
    """A rebalance makes them read again; when the next note may be does not depend on it."""
    tally = a_tally("alerts")
    tally.take_turn(102.0)
    tally.forget()
    tally.add("alerts", 103.0)

    assert [False, True] == [tally.is_due(102.0 + MINUTE - 0.1), tally.is_due(102.0 + MINUTE)]


@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["add", "forget", "tell", "refused"])), max_size=60))
def test_there_is_never_more_than_one_note_a_minute(steps: list[tuple[float, str]]) -> None:
    """Whatever comes in, and however often it is asked."""
    tally, now, told = Tally(), 0.0, [-MINUTE]
    for pause, step in steps:
        now += pause
        if step == "add":
            tally.add("alerts", now)
        elif step == "forget":
            tally.forget()
        elif tally.is_due(now):
            if step == "refused":
                tally.wait_for_turn(now)
            else:
                tally.take_turn(now)
                told.append(now)

    assert [] == [later - earlier for earlier, later in pairwise(told) if later - earlier < MINUTE]


@pytest.mark.parametrize(
    ("topics", "words"),
    [
        pytest.param(["acks"], "1 record was put aside as dead letters: 1 from acks. ", id="one"),
        pytest.param(["acks", *["alerts"] * 1_200], "1,201 records were put aside as dead letters: 1,200 from alerts, 1 from acks. ", id="many"),
    ],
)  # fmt: skip
def test_a_note_says_how_many_from_where_and_what_to_do(topics: list[str], words: str) -> None:
    """In one line."""
    assert (
        f"⚠️ {words}`ackline dead-letters list` shows why, and `ackline dead-letters retry` tries them again."
        == a_tally(*topics).text()
    )
