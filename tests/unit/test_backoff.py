"""How long to wait before a call is made again, and how fast a lane may go."""

import pytest

from hypothesis import given
from hypothesis import strategies as st

from notifiers.contract import (
    FIRST_BACKOFF_SECONDS,
    LONGEST_BACKOFF_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    backoff,
)
from notifiers.lanes import Pace, Turns


@pytest.mark.parametrize(
    ("attempt", "rand", "seconds"),
    [
        pytest.param(0, 1.0, 0.5, id="the first, in full"),
        pytest.param(0, 0.0, 0.25, id="the first, with the least of its jitter"),
        pytest.param(3, 1.0, 4.0, id="doubles each time"),
        pytest.param(6, 1.0, 30.0, id="up to the longest"),
        pytest.param(10_000, 0.0, 15.0, id="an outage of days is no overflow"),
    ],
)
def test_it_doubles_up_to_a_bound(attempt: int, rand: float, seconds: float) -> None:
    """Waits double from half a second to half a minute, and jitter takes up to half away."""
    assert seconds == backoff(attempt, None, rand)


@given(st.integers(0, 100), st.floats(0, 1))
def test_it_is_never_at_once_and_never_long(attempt: int, rand: float) -> None:
    """No destination is hammered, and none waits longer than the bound after it has recovered."""
    assert FIRST_BACKOFF_SECONDS / 2 <= backoff(attempt, None, rand) <= LONGEST_BACKOFF_SECONDS


@given(st.integers(0, 100), st.floats(0, LONGEST_RETRY_AFTER_SECONDS), st.floats(0, 1))
def test_what_the_destination_asks_for_is_kept(attempt: int, after: float, rand: float) -> None:
    """A `Retry-After` is waited for in full, whatever our own doubling would say, and hardly longer."""
    assert after <= backoff(attempt, after, rand) <= after + FIRST_BACKOFF_SECONDS


@given(st.floats(LONGEST_RETRY_AFTER_SECONDS, 1e12), st.floats(0, 1))
def test_an_absurd_wish_does_not_silence_a_page(after: float, rand: float) -> None:
    """A proxy that asks for a day is asked again after five minutes."""
    assert backoff(0, after, rand) <= LONGEST_RETRY_AFTER_SECONDS + FIRST_BACKOFF_SECONDS


def test_a_lane_may_burst_and_then_keeps_its_pace() -> None:
    """Three at once, then one a second: the fourth waits a second and the fifth two."""
    turns = Turns(Pace(burst=3, per_second=1.0), now=100.0)

    assert [0.0, 0.0, 0.0, 1.0, 2.0] == [turns.wait(100.0) for _ in range(5)]


def test_a_lane_that_rested_may_burst_again() -> None:
    """Rest refills the burst and never more than the burst."""
    turns = Turns(Pace(burst=2, per_second=1.0), now=0.0)
    for _ in range(3):
        turns.wait(0.0)

    assert 3.0 == turns.rested_in(0.0)
    assert [0.0, 0.0, 1.0] == [turns.wait(1000.0) for _ in range(3)]
