"""Reads an export back, and trusts no line of it: each is checked against the chain before it is given out.

What is wrong is named where it begins: the line, and the record that stands there. Memory does not grow with the file.
"""

import contextlib

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import zstandard

from audit.bundle_evidence import Evidence, decoded
from audit.bundle_lines import (
    FORMAT,
    LONGEST_LINE,
    Chain,
    End,
    Line,
    Manifest,
    RecordLine,
    Tally,
    log_record,
    split_line,
)
from audit.record import LogRecord


class BundleProblem(Exception):  # noqa: N818  # It is what it says.
    """The file is not what was exported. Says which line is the first bad one, and which record stands there."""

    def __init__(self, path: Path, line: int, reason: str, record: RecordLine | None = None) -> None:
        self.line = line
        self.record = record
        place = f" ({record})" if record else ""
        super().__init__(f"{path}: line {line}{place}: {reason}")


_STEP = 2048
_CHANGED = "the chain breaks here: it was changed, or a line was taken out, put in, doubled or moved just before it"
_CUT = "the file ends here, without its last line or in the middle of one: it was cut, or never finished"


class Bundle:
    """An export that is being read, once."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._raw = _lines(file)
        self._number = 0
        self._chain = Chain()
        self._tally = Tally()
        self.end: End | None = None
        """The last line, once everything was read."""
        self.manifest = self._first()
        self._ranges = {(each.topic, each.partition): each for each in self.manifest.ranges}

    @property
    def head(self) -> str:
        """The hash of the last line that was read; of the whole, once everything was."""
        return self._chain.head

    def records(self) -> Iterator[LogRecord]:
        """All records, in the order of time, each partition in its own order."""
        return (log_record(line) for line in self.lines())

    def lines(self) -> Iterator[RecordLine]:
        """All records as they stand in the file.

        Raises:
            BundleProblem: a line is not what was exported. All before it are.
        """
        while isinstance(line := self._next(), RecordLine):
            self._count(line)
            yield line
        if not isinstance(line, End) or line != self._tally.end:
            raise self._problem("the counts in it are not of the records before it")
        if self._read() is not None:
            raise self._problem("something follows the last line")
        self.end = line

    def check(self, head: str | None, step: Callable[[], None] = lambda: None) -> End:
        """Read everything, and compare the head where one is known. `step` is called for each record.

        Raises:
            BundleProblem: a line is not what was exported, or the head is another.
        """
        for _ in self.lines():
            step()
        assert self.end is not None
        if head is not None and head != self.head:
            raise self._problem(
                f"the head is {self.head}, not {head}: it is another export, or all of it was written anew"
            )
        return self.end

    def _first(self) -> Manifest:
        line = self._next()
        if not isinstance(line, Manifest) or line.format != FORMAT:
            raise self._problem(f"is no manifest of an export of format {FORMAT}; is the file one of `ackline export`?")
        return line

    def _count(self, line: RecordLine) -> None:
        wanted = self._ranges.get((line.topic, line.partition))
        if wanted is None or not wanted.begin <= line.offset < wanted.end:
            raise self._problem("it is outside of what the manifest says was exported", line)
        try:
            self._tally.add(line)
            log_record(line)
        except ValueError as problem:
            raise self._problem(str(problem), line) from None

    def _next(self) -> Line:
        self._number += 1
        raw = self._read()
        if raw is None:
            raise self._problem(_CUT)
        claimed, content = split_line(raw)
        line = decoded(content)
        if self._chain.add(content) != claimed:
            raise self._broken(line)
        if line is None:
            raise self._problem(f"is no line of an export of format {FORMAT}")
        return line

    def _broken(self, line: Line | None) -> BundleProblem:
        if self._number == 1:
            return self._problem("is not the beginning of an export, or was changed")
        return self._problem(f"{_CHANGED}; {Evidence(self._tally).gather(line, self._raw)}", line)

    def _read(self) -> bytes | None:
        try:
            return next(self._raw, None)
        except zstandard.ZstdError as problem:
            raise self._problem(f"the compressed bytes from here on are damaged ({problem})") from None
        except (OverflowError, EOFError) as problem:
            raise self._problem(str(problem)) from None

    def _problem(self, reason: str, line: Line | None = None) -> BundleProblem:
        return BundleProblem(self._path, self._number, reason, line if isinstance(line, RecordLine) else None)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines, without their ends.

    In steps so small that neither a damaged place hides much of what is before it, nor a file made to do so fills the
    memory: a step becomes 64 MB at the very most.
    """
    unpacked = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
    line = bytearray()
    while packed := file.read(_STEP):
        *ends, rest = unpacked.decompress(packed).split(b"\n")
        for end in ends:
            line += end
            yield bytes(line)
            line.clear()
        line += rest
        if len(line) > LONGEST_LINE:
            raise OverflowError("is longer than any line of an export")
    if line:
        raise EOFError(_CUT)


@contextlib.contextmanager
def reading_bundle(path: Path) -> Iterator[Bundle]:
    """The export in this file.

    Raises:
        BundleProblem: it is none.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        yield Bundle(path, file)
