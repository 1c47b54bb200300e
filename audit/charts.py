"""Bar charts as shapes on a plane, for inline SVG: nothing is fetched and nothing runs where they are looked at. Pure.

A chart has groups (a team, an hour), a group has bars side by side, and a bar is stacked of named series.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10


Bar = Sequence[tuple[str, float]]
"""The series that it is stacked of, with their values."""
Groups = Mapping[str, Sequence[Bar]]

_PLOT = 520.0
_LABEL = 170.0
_THICK = 11.0
_GAP = 8.0
_HIGH = 150.0
_FOOT = 22.0
_AXIS = 48.0
_LETTER = 7.5


@dataclass(frozen=True, slots=True)
class Rect:
    """A piece of a bar."""

    x: float
    y: float
    width: float
    height: float
    series: str
    title: str


@dataclass(frozen=True, slots=True)
class Text:
    """A label."""

    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Chart:
    """All that is drawn."""

    width: float
    height: float
    rects: tuple[Rect, ...]
    texts: tuple[Text, ...]


def rows(groups: Groups) -> Chart:
    """Bars that lie, one below the other: for names of any length."""
    scale = _PLOT / _most(groups)
    rects: list[Rect] = []
    texts: list[Text] = []
    y = 0.0
    for name, bars in groups.items():
        middle = y + _THICK * len(bars) / 2 + 4
        texts.append(Text(_LABEL - 8, middle, _short(name), "end"))
        for bar in bars:
            rects += [
                Rect(_LABEL + start * scale, y, size * scale, _THICK - 1, series, _title(name, series, size))
                for series, start, size in _stacked(bar)
            ]
            texts.append(Text(_LABEL + _sum(bar) * scale + 5, y + _THICK - 2, f"{_sum(bar):,g}"))
            y += _THICK
        y += _GAP
    return Chart(_LABEL + _PLOT + 60, max(y, 1.0), tuple(rects), tuple(texts))


def columns(groups: Groups) -> Chart:
    """Bars that stand, one beside the other: for the hours of a day, or days."""
    scale = _HIGH / _most(groups)
    wide = _PLOT / max(1, len(groups))
    rects: list[Rect] = []
    texts = [Text(_AXIS - 6, 10, f"{_most(groups):,g}", "end"), Text(_AXIS - 6, _HIGH, "0", "end")]
    every = max(1, ceil(max(map(len, groups), default=1) * _LETTER / wide))
    for number, (name, bars) in enumerate(groups.items()):
        left, thick = _AXIS + number * wide, wide * 0.8 / max(1, len(bars))
        if number % every == 0:
            texts.append(Text(left + wide * 0.4, _HIGH + 15, name, "middle"))
        for place, bar in enumerate(bars):
            rects += [
                Rect(
                    left + place * thick,
                    _HIGH - (start + size) * scale,
                    thick,
                    size * scale,
                    series,
                    _title(name, series, size),
                )
                for series, start, size in _stacked(bar)
            ]
    return Chart(_AXIS + _PLOT, _HIGH + _FOOT, tuple(rects), tuple(texts))


def _most(groups: Groups) -> float:
    """The longest bar, rounded up to one digit and a half, so that its number can be read."""
    most = max((_sum(bar) for bars in groups.values() for bar in bars), default=0)
    if most <= 0:
        return 1
    step = 10.0 ** max(0, ceil(log10(most)) - 1) / 2
    return ceil(most / step) * step


def _stacked(bar: Bar) -> Iterator[tuple[str, float, float]]:
    start = 0.0
    for series, size in bar:
        if size > 0:
            yield series, start, size
        start += max(0, size)


def _sum(bar: Bar) -> float:
    return sum(max(0, size) for _, size in bar)


def _title(name: str, series: str, size: float) -> str:
    return f"{name}, {series}: {size:,g}"


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:25]}…"
