"""The pauses between restarts, and when a process is given up."""

from itertools import accumulate

from ackline.restarts import Restarts


def after(*lives: float) -> Restarts:
    """What is known after these lives, in seconds."""
    *_, last = accumulate(lives, Restarts.after_life_of, initial=Restarts())
    return last


def test_pauses_double_to_a_bound() -> None:
    """A half second, doubled with every death, and never more than half a minute."""
    pauses = [after(*[20] * deaths).pause_seconds for deaths in range(1, 10)]

    assert [0.5, 1, 2, 4, 8, 16, 30, 30, 30] == pauses


def test_a_long_life_makes_up_for_earlier_deaths() -> None:
    """A process that lived a minute is started again as soon as after its first death."""
    assert 0.5 == after(20, 20, 20, 60).pause_seconds


def test_five_short_lives_in_a_row_are_hopeless() -> None:
    """Four are not, and one longer life between them starts the count anew."""
    assert [False, True] == [after(*[1] * deaths).is_hopeless for deaths in (4, 5)]
    assert not after(1, 1, 1, 1, 10, 1, 1, 1, 1).is_hopeless
