"""Points in time as people write them: RFC 3339, `2h` (ago), `yesterday 14:00`, `14:00`, `now`. Pure; told what now is.

A time without a zone is one of the reader's own zone. What is no point in time is a ValueError that shows what would be.
"""

import re

from datetime import datetime, time, timedelta

from pydantic import TypeAdapter, ValidationError

from config.settings import Duration


EXAMPLES = "2026-03-01T14:00:00Z, 2h, yesterday 14:00, 14:00 or now"

_DAYS = {"today": 0, "yesterday": 1}
_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
_AGO = re.compile(r"\d+(\.\d+)?(ms|s|m|h|d)")


def point_in_time(text: str, now: datetime) -> datetime:
    """The time that a text names, in the zone that it names or else in that of `now`.

    Raises:
        ValueError: it names none.
    """
    words = text.strip().lower().removesuffix(" ago").split()
    if words == ["now"]:
        return now
    if len(words) == 1 and _AGO.fullmatch(words[0]):
        return now - _length(words[0])
    if words and words[0] in _DAYS and len(words) <= 2:
        day = now - timedelta(days=_DAYS[words[0]])
        return _at(day, words[1] if len(words) == 2 else "00:00")
    if len(words) == 1 and re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", words[0]):
        return _at(now, words[0])
    return _of_calendar(text.strip(), now)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def _length(text: str) -> timedelta:
    try:
        return _DURATION.validate_python(text)
    except ValidationError:
        raise ValueError(f"{text!r} is too long or too short a time") from None


def _at(day: datetime, text: str) -> datetime:
    try:
        clock = time.fromisoformat(text.zfill(len("00:00:00" if text.count(":") == 2 else "00:00")))
    except ValueError:
        raise ValueError(f"{text!r} is no time of day") from None
    # A day before may have had another offset (summer time): only zones that know of it get it right, `now` has one.
    return day.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)


def _of_calendar(text: str, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no point in time; give one such as {EXAMPLES}") from None
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)
