"""Charts: every bar is as long as its number says, and all of them are within the picture."""

import pytest

from hypothesis import given
from hypothesis import strategies as st

from audit.charts import Chart, Groups, columns, rows


values = st.one_of(st.just(0), st.integers(1, 10**7), st.floats(0.01, 1e6))
bars = st.lists(st.tuples(st.sampled_from(["before", "unknown"]), values), min_size=1, max_size=2)
groups = st.dictionaries(st.text(max_size=40), st.lists(bars, min_size=2, max_size=2), max_size=30)


@given(groups, st.sampled_from([rows, columns]))
def test_all_is_within_the_picture(drawn: Groups, kind: type) -> None:
    """Whatever the numbers are."""
    chart: Chart = kind(drawn)

    assert chart.height > 0
    assert [] == [each for each in chart.rects if each.x < 0 or each.y < -0.01 or each.width < 0 or each.height < 0]
    assert [] == [
        each for each in chart.rects if each.x + each.width > chart.width or each.y + each.height > chart.height
    ]


def test_lengths_are_in_proportion() -> None:
    """A bar of twice as many is twice as long, and stacked pieces follow each other."""
    lying = rows({"a": [[("before", 10)], [("after", 5), ("unknown", 2)]]}).rects
    standing = columns({"a": [[("before", 10)], [("after", 5), ("unknown", 2)]]}).rects

    assert [1, 0.5, 0.2] == pytest.approx([each.width / lying[0].width for each in lying])
    assert [1, 0.5, 0.2] == pytest.approx([each.height / standing[0].height for each in standing])
    assert lying[1].x + lying[1].width == pytest.approx(lying[2].x)
    assert standing[1].y == pytest.approx(standing[2].y + standing[2].height)


def test_what_is_nothing_is_not_drawn() -> None:
    """And is no division by it."""
    assert () == rows({"a": [[("before", 0)]]}).rects
    assert () == columns({}).rects
