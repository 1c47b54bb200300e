"""Points in time as people write them."""

from datetime import datetime, timedelta, timezone

import pytest

from audit.when import point_in_time


ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 3, 10, 15, 30, 20, 123, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("2h", NOW - timedelta(hours=2)),
        ("90m ago", NOW - timedelta(minutes=90)),
        ("yesterday 14:00", datetime(2026, 3, 9, 14, tzinfo=ZONE)),
        ("yesterday", datetime(2026, 3, 9, tzinfo=ZONE)),
        ("today 9:05", datetime(2026, 3, 10, 9, 5, tzinfo=ZONE)),
        ("14:00", datetime(2026, 3, 10, 14, tzinfo=ZONE)),
        ("2026-03-01T14:00:00Z", datetime(2026, 3, 1, 16, tzinfo=ZONE)),
        ("2026-03-01 14:00", datetime(2026, 3, 1, 14, tzinfo=ZONE)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=ZONE)),
        (" Yesterday  14:00:30 ", datetime(2026, 3, 9, 14, 0, 30, tzinfo=ZONE)),
    ],
)
def test_a_point_in_time(text: str, expected: datetime) -> None:
    """Each way of writing it is understood, in the reader's own zone where it names none."""
    assert expected == point_in_time(text, NOW)


@pytest.mark.parametrize(
    "text", ["", "soon", "2 apples", "yesterday 25:00", "25:61", "yesterday 14:00 sharp", "99999999d"]
)
def test_what_is_no_point_in_time_is_refused(text: str) -> None:
    """With an error that says so, and no other."""
    with pytest.raises(ValueError, match=r"is no|is too"):
        point_in_time(text, NOW)
