"""Figures: what was measured, against what, and how several rounds become one line. Pure."""

import math
import statistics

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


class CannotMeasure(Exception):  # noqa: N818  # It says what is.
    """What was to be measured did not happen; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured in one round."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    """What the naive way reached in the same round, in the same unit."""
    at_least: float | None = None
    """The goal, where more is better."""
    at_most: float | None = None
    """The goal, where less is better."""

    @property
    def ratio(self) -> float | None:
        """The value in terms of its limit."""
        return self.value / self.limit if self.limit else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A figure over all rounds."""

    bench: str
    name: str
    unit: str
    median: float
    least: float
    most: float
    rounds: int
    limit: float | None
    """The median of the limits."""
    ratio: float | None
    """The median of the rounds' ratios: a round and its limit had the same machine, and its load, to themselves."""
    at_least: float | None
    at_most: float | None
    others_percent: float
    """How much of the machine others used meanwhile: the median over the rounds."""

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.at_least is None and self.at_most is None:
            return None
        return self.median >= (self.at_least or -math.inf) and self.median <= (
            math.inf if self.at_most is None else self.at_most
        )


@dataclass(frozen=True, slots=True)
class Round:
    """What was measured once, and how much of the machine others used meanwhile."""

    figures: Sequence[Figure]
    others_percent: float


def lines(bench: str, rounds: Sequence[Round]) -> list[Line]:
    """The figures of a bench over its rounds, in the order in which they first appear."""
    by_name: defaultdict[str, list[Figure]] = defaultdict(list)
    for each in rounds:
        for figure in each.figures:
            by_name[figure.name].append(figure)
    others = _median(each.others_percent for each in rounds) or 0.0
    return [_line(bench, figures, others) for figures in by_name.values()]


def _line(bench: str, figures: Sequence[Figure], others_percent: float) -> Line:
    first, values = figures[0], [figure.value for figure in figures]
    return Line(
        bench=bench,
        name=first.name,
        unit=first.unit,
        median=statistics.median(values),
        least=min(values),
        most=max(values),
        rounds=len(values),
        limit=_median(figure.limit for figure in figures),
        ratio=_median(figure.ratio for figure in figures),
        at_least=first.at_least,
        at_most=first.at_most,
        others_percent=others_percent,
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that so many per cent of the values do not exceed (nearest rank).

    Raises:
        CannotMeasure: there are no values. Nothing measured must not look like a figure.
    """
    ordered = sorted(values)
    if not ordered:
        raise CannotMeasure("nothing came of which a percentile could be taken")
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def spread(name: str, values: Sequence[float], unit: str, **p99: Any) -> list[Figure]:
    """p50, p99 and the worst of what should be short; `p99` is the goal and the limit of the p99."""
    return [
        Figure(name=f"{name}, p50", value=percentile(values, 50), unit=unit),
        Figure(name=f"{name}, p99", value=percentile(values, 99), unit=unit, **p99),
        Figure(name=f"{name}, max", value=max(values), unit=unit),
    ]


def rate(moments: Sequence[float]) -> float:
    """Events a second, by when each came (in seconds): from the first moment, without what came in it, to the last.

    Raises:
        CannotMeasure: all came in one moment, so there is no telling.
    """
    first = min(moments, default=0)
    later = [moment - first for moment in moments if moment > first]
    if not later:
        raise CannotMeasure("all came in one moment, and a rate needs two")
    return len(later) / max(later)
