"""Exports of any records, and any tampering with them: every byte comes back, and the first bad line is named."""

import tempfile

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import zstandard

from hypothesis import given
from hypothesis import strategies as st

from audit.bundle_lines import Chain, End, Manifest, Range, Tally, decode_line, encode_line, record_line, split_line
from audit.bundle_read import BundleProblem, reading_bundle
from audit.bundle_write import writing_bundle
from audit.record import LogRecord
from streams.topics import Topic


MANIFEST = Manifest(
    created_ms=1,
    topic_prefix="t.",
    from_ms=None,
    to_ms=5,
    ranges=tuple(Range(topic, partition, 0, 40) for topic in Topic for partition in range(4)),
)

SOME_BYTES = st.binary(max_size=30) | st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace"))
CONTENTS = st.tuples(
    st.sampled_from(Topic),
    st.integers(0, 3),
    st.integers(0, 2**41),
    st.none() | SOME_BYTES,
    SOME_BYTES,
    st.lists(st.tuples(st.text(max_size=9), SOME_BYTES), max_size=3).map(tuple),
)


@st.composite
def histories(draw: st.DrawFn, min_size: int = 0) -> list[LogRecord]:
    """Records of some partitions, each partition in its order, with holes."""
    records = []
    last: dict[tuple[Topic, int], int] = {}
    for topic, partition, at_ms, key, value, headers in draw(st.lists(CONTENTS, min_size=min_size, max_size=12)):
        offset = last.get((topic, partition), -1) + draw(st.integers(1, 3))
        last[topic, partition] = offset
        records.append(LogRecord(topic, partition, offset, at_ms, key, value, headers))
    return records


def exported(directory: str, records: Sequence[LogRecord]) -> tuple[Path, str]:
    path = Path(directory) / "export"
    with writing_bundle(path, MANIFEST) as writer:
        for record in records:
            writer.add(record_line(record))
    return path, writer.head


def rewritten(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of an export as somebody could who has the file and no more."""
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(zstandard.ZstdCompressor().compress(b"".join(change(lines))))


def problem_of(path: Path, head: str | None = None) -> BundleProblem:
    with pytest.raises(BundleProblem) as caught, reading_bundle(path) as bundle:
        bundle.check(head)
    return caught.value


@given(histories())
def test_what_was_exported_is_read_back(records: list[LogRecord]) -> None:
    """Record for record and byte for byte, with its manifest, counts and head."""
    with tempfile.TemporaryDirectory() as directory:
        path, head = exported(directory, records)
        with reading_bundle(path) as bundle:
            read = list(bundle.records())

    assert records == read
    assert (MANIFEST, head) == (bundle.manifest, bundle.head)
    assert bundle.end is not None
    assert len(records) == bundle.end.records == sum(each.records for each in bundle.end.partitions)
    assert {(each.topic, each.partition) for each in records} == {
        (each.topic, each.partition) for each in bundle.end.partitions
    }


@given(histories(), st.data())
def test_a_changed_byte_is_found_where_it_is(records: list[LogRecord], data: st.DataObject) -> None:
    """In any line: a record's, the manifest's, the end's, and in a hash as well."""
    with tempfile.TemporaryDirectory() as directory:
        path, _ = exported(directory, records)
        number = data.draw(st.integers(0, len(records) + 1))

        def change(lines: list[bytes]) -> list[bytes]:
            line = bytearray(lines[number])
            # Not the newline: without it the line is joined with the next, which is no change of one byte to a reader.
            place = data.draw(st.integers(0, len(line) - 2))
            line[place] ^= data.draw(st.integers(1, 255))
            return [*lines[:number], bytes(line), *lines[number + 1 :]]

        rewritten(path, change)

        assert number + 1 == problem_of(path).line


@given(histories(min_size=1), st.data())
def test_a_record_that_is_missing_doubled_or_moved_is_found(records: list[LogRecord], data: st.DataObject) -> None:
    """The first line that does not follow from those before it is named, with its record."""
    with tempfile.TemporaryDirectory() as directory:
        path, _ = exported(directory, records)
        one = data.draw(st.integers(1, len(records)))
        other = data.draw(st.integers(1, len(records)))
        how = data.draw(st.sampled_from(["drop", "double", "move"]))

        def change(lines: list[bytes]) -> list[bytes]:
            if how == "drop":
                return lines[:one] + lines[one + 1 :]
            if how == "double":
                return [*lines[: one + 1], lines[one], *lines[one + 1 :]]
            first, second = sorted((one, other if other != one else one - 1 or len(lines) - 1))
            lines[first], lines[second] = lines[second], lines[first]
            return lines

        before = lines_of(path)
        rewritten(path, change)
        after = lines_of(path)
        bad = next(number for number, line in enumerate(after) if line != before[number])
        found = problem_of(path)

    standing = decode_line(split_line(after[bad].removesuffix(b"\n"))[1])
    assert bad + 1 == found.line
    assert (None if isinstance(standing, End) else standing) == found.record
    assert isinstance(standing, End) or f"{standing}" in str(found)


def lines_of(path: Path) -> list[bytes]:
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).splitlines(keepends=True)


@given(histories(min_size=1), st.data())
def test_only_the_head_tells_that_an_export_was_written_anew(records: list[LogRecord], data: st.DataObject) -> None:
    """Who drops the newest records and counts and chains the rest again is found by whoever kept the head."""
    with tempfile.TemporaryDirectory() as directory:
        path, head = exported(directory, records)
        shorter = records[: data.draw(st.integers(0, len(records) - 1))]
        path.unlink()
        _, other = exported(directory, shorter)

        with reading_bundle(path) as bundle:
            assert len(shorter) == bundle.check(None).records
        assert f"the head is {other}, not {head}" in str(problem_of(path, head))


@given(histories(), st.data())
def test_a_cut_file_is_no_export(records: list[LogRecord], data: st.DataObject) -> None:
    """Wherever it is cut, in the compressed bytes or in the lines."""
    with tempfile.TemporaryDirectory() as directory:
        path, _ = exported(directory, records)
        whole = path.read_bytes()
        lines = b"".join(lines_of(path))

        path.write_bytes(zstandard.ZstdCompressor().compress(lines[: data.draw(st.integers(0, len(lines) - 1))]))
        problem_of(path)
        # zstd's last four bytes are its checksum; without it all lines are there, and the chain vouches for them.
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 5))])
        problem_of(path)


def test_counts_that_are_not_of_the_records_are_found() -> None:
    """Even where the chain holds: an end that was made by hand says too little."""
    with tempfile.TemporaryDirectory() as directory:
        path, chain = Path(directory) / "export", Chain()
        record = record_line(LogRecord(Topic.ACKS, 1, 7, 5, None, b"{}", ()))
        lines = [encode_line(line, chain) for line in (MANIFEST, record, Tally().end)]
        path.write_bytes(zstandard.ZstdCompressor().compress(b"".join(lines)))

        assert "line 3: the counts in it are not of the records before it" in str(problem_of(path))


@pytest.mark.parametrize(("partition", "offset"), [(1, 40), (4, 0)])
def test_a_record_that_nobody_asked_for_is_found(partition: int, offset: int) -> None:
    """Even where the chain holds: an import would write it into a partition that is not there."""
    with tempfile.TemporaryDirectory() as directory:
        path, _ = exported(directory, [LogRecord(Topic.ACKS, partition, offset, 5, None, b"{}", ())])

        assert f"line 2 (acks {partition}:{offset}): it is outside of what the manifest says" in str(problem_of(path))
