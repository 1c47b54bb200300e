"""Figures of the benches: percentiles, rates, medians over rounds, goals."""

import pytest

from hypothesis import given
from hypothesis import strategies as st

from bench.figures import CannotMeasure, Figure, Round, lines, percentile, rate, spread


FINITE = st.floats(min_value=0, max_value=1e6)


def a_figure(value: float, **more: float) -> Figure:
    """A figure of one name."""
    return Figure(name="64 connections", value=value, unit="requests/s", **more)


def rounds(*figures: Figure) -> list[Round]:
    """A round for each figure."""
    return [Round([figure], others_percent=10.0 * number) for number, figure in enumerate(figures)]


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)],
)
def test_a_percentile_is_one_of_the_values(percent: float, expected: int) -> None:
    """The nearest rank: no value between two that nobody has measured."""
    assert expected == percentile(range(100, 0, -1), percent)


@given(st.lists(FINITE, min_size=1), st.floats(min_value=0, max_value=100))
def test_so_many_are_not_above_a_percentile(values: list[float], percent: float) -> None:
    """What a percentile promises, whatever the values."""
    found = percentile(values, percent)

    assert found in values
    assert sum(value <= found for value in values) >= percent / 100 * len(values) - 1e-9


def test_nothing_has_no_percentile() -> None:
    """What was not measured must not look like a figure."""
    with pytest.raises(CannotMeasure, match="nothing"):
        percentile([], 50)


def test_a_rate_leaves_out_what_came_in_its_first_moment() -> None:
    """How long the first batch took is not known, so it counts for nothing: four in two seconds, and not six."""
    assert 2.0 == rate([5.0, 5.0, 6.0, 6.0, 7.0, 7.0])


@pytest.mark.parametrize("moments", [[], [3.0], [3.0, 3.0]])
def test_one_moment_has_no_rate(moments: list[float]) -> None:
    """There is no telling how fast it was."""
    with pytest.raises(CannotMeasure, match="one moment"):
        rate(moments)


def test_the_ratio_is_that_of_each_round() -> None:
    """A slow round had a slow limit: the medians of both, divided, would be of two different rounds."""
    (line,) = lines("ingest", rounds(a_figure(50, limit=100), a_figure(60, limit=80), a_figure(10, limit=20)))

    assert (50, 10, 60, 3) == (line.median, line.least, line.most, line.rounds)
    assert (80, 0.5) == (line.limit, line.ratio)
    assert 10.0 == line.others_percent


def test_figures_keep_their_order() -> None:
    """A table that is sorted anew each time cannot be compared."""
    figures = [Figure(name=name, value=1, unit="ms") for name in ("b", "a", "c")]

    found = lines("any", [Round(figures, 0), Round(figures[::-1], 0)])

    assert ["b", "a", "c"] == [line.name for line in found]


def test_a_bench_that_failed_has_no_lines() -> None:
    """It has measured nothing."""
    assert [] == lines("ingest", [])


@pytest.mark.parametrize(
    ("goal", "value", "expected"),
    [
        ({"at_least": 10.0}, 10.0, True),
        ({"at_least": 10.0}, 9.9, False),
        ({"at_most": 10.0}, 10.0, True),
        ({"at_most": 10.0}, 10.1, False),
        ({"at_most": 0.0}, 0.1, False),
        ({}, 1.0, None),
    ],
)
def test_a_goal_is_reached_or_not(goal: dict[str, float], value: float, expected: bool | None) -> None:
    """More is better where there is a least, less where there is a most."""
    (line,) = lines("ingest", rounds(a_figure(value, **goal)))

    assert expected is line.is_met


def test_a_limit_of_nothing_gives_no_ratio() -> None:
    """An idle tick may cost less than the clock of the processor shows."""
    assert a_figure(1, limit=0).ratio is None


def test_a_spread_tells_the_middle_the_tail_and_the_worst() -> None:
    """With the goal at the tail."""
    found = spread("decided", [float(number) for number in range(1, 201)], "s late", at_most=5.0)

    assert [("decided, p50", 100), ("decided, p99", 198), ("decided, max", 200)] == [(f.name, f.value) for f in found]
    assert [None, 5.0, None] == [figure.at_most for figure in found]
