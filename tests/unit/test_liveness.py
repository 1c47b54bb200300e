"""From what is seen of a process to whether it lives, and when it is given up."""

import pytest

from ackline.liveness import LONGEST_STANDSTILL_SECONDS, PATIENCE_SECONDS, START_SECONDS, Patience, verdict
from streams.standstill import Standstill


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0.0, "ok", id="it-moves"),
        pytest.param(LONGEST_STANDSTILL_SECONDS, "ok", id="it-takes-its-time"),
        pytest.param(14.0, "has not moved for 14 s", id="it-stands"),
    ],
)
def test_a_part_that_does_not_move_is_told(seconds: float, expected: str) -> None:
    """In words for whoever looks."""
    assert {"ticks": expected} == verdict({"ticks": seconds})


def test_red_comes_within_fifteen_seconds() -> None:
    """What stands still is looked at every second."""
    assert LONGEST_STANDSTILL_SECONDS + 1 < 15


def test_what_looks_the_same_has_not_moved() -> None:
    """Counted from when it was first seen so, and anew whenever it looks otherwise."""
    standstill = Standstill()
    for now, ticked in ((0, 7), (5, 7), (10, 8), (30, 8)):
        standstill.look({"ticks": ticked}, now)

    assert {"ticks": 20} == standstill.seconds(30)


def test_what_has_nothing_to_do_does_not_stand_still() -> None:
    """It begins anew when it has."""
    standstill = Standstill()
    standstill.look({"commits": 3}, 0)
    standstill.look({}, 50)
    idle = standstill.seconds(50)
    standstill.look({"commits": 3}, 60)

    assert ({}, {"commits": 1}) == (idle, standstill.seconds(61))


def test_a_process_may_take_its_time_to_start() -> None:
    """It is given up only when it has never answered for far longer than a start takes."""
    patience = Patience(started=0).after(30, is_well=False)

    assert [False, True] == [patience.is_over(START_SECONDS), patience.is_over(START_SECONDS + 1)]


def test_a_process_that_was_well_is_given_up_after_a_while() -> None:
    """Not at the first bad answer, and not while good ones come in between."""
    patience = Patience(started=0).after(10, is_well=True).after(12, is_well=False)
    recovered = patience.after(20, is_well=True)

    assert [False, True] == [patience.is_over(10 + PATIENCE_SECONDS), patience.is_over(11 + PATIENCE_SECONDS)]
    assert not recovered.is_over(11 + PATIENCE_SECONDS)
