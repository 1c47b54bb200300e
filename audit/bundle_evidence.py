"""What the lines behind a break of the chain say about it. They prove nothing, but they were hardly all changed alike."""

import contextlib

from collections.abc import Iterator

import zstandard

from audit.bundle_lines import End, Line, RecordLine, Tally, decode_line, split_line
from streams.topics import Topic


Place = tuple[Topic, int]


class Evidence:
    """Counts on where the chain ended, and compares with what the last line says was exported."""

    def __init__(self, proved: Tally) -> None:
        found = proved.end.partitions
        self._counts: dict[Place, int] = {(each.topic, each.partition): each.records for each in found}
        self._last: dict[Place, int] = {(each.topic, each.partition): each.last for each in found}
        self._holes: dict[Place, int] = {}
        self._end: End | None = None

    def gather(self, broken: Line | None, rest: Iterator[bytes]) -> str:
        """Read on from the line where the chain breaks; a sentence about what seems to have happened."""
        self._take(broken)
        with contextlib.suppress(zstandard.ZstdError, OverflowError, EOFError):
            for raw in rest:
                self._take(decoded(split_line(raw)[1]))
        return self._sentence(self._end) if self._end else "how the file once ended is not to be seen any more"

    def _take(self, line: Line | None) -> None:
        if isinstance(line, End):
            self._end = line
        if not isinstance(line, RecordLine):
            return
        place = (line.topic, line.partition)
        self._counts[place] = self._counts.get(place, 0) + 1
        last = self._last.get(place)
        if last is not None and line.offset > last + 1:
            self._holes.setdefault(place, last + 1)
        self._last[place] = max(line.offset, last or 0)

    def _sentence(self, end: End) -> str:
        for each in end.partitions:
            place = (each.topic, each.partition)
            more = self._counts.get(place, 0) - each.records
            if more > 0:
                return f"{each.topic} {each.partition} has {more:,} more records than were exported"
            if more < 0:
                hole = self._holes.get(place, self._last[place] + 1 if place in self._last else each.first)
                return (
                    f"{each.topic} {each.partition} has {-more:,} fewer than were exported; "
                    f"offset {hole} is the first that is not there"
                )
        return "there are as many records as were exported, so one was changed or moved"


def decoded(content: bytes) -> Line | None:
    """What a line says, though it may not be ours."""
    with contextlib.suppress(ValueError, RecursionError):
        return decode_line(content)
    return None
