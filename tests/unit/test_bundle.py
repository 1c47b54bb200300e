"""The file of an export: whole or not there, never in somebody's way, and clear about what is wrong with it."""

import stat

from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from audit.bundle_lines import Base64, Manifest, Range, RecordLine, log_record, to_bytes, to_text
from audit.bundle_read import BundleProblem, reading_bundle
from audit.bundle_write import BundleExistsError, writing_bundle
from streams.topics import Topic


MANIFEST = Manifest(
    created_ms=1, topic_prefix="t.", from_ms=None, to_ms=None, ranges=(Range(Topic.ALERTS, 0, 0, 9_999),)
)


def line(offset: int, value: str | None = "{}") -> RecordLine:
    return RecordLine(topic=Topic.ALERTS, partition=0, offset=offset, timestamp_ms=1, key=None, value=value)


def test_until_it_is_whole_there_is_no_file(tmp_path: Path) -> None:
    """Nor is anything left after Ctrl-C."""
    path = tmp_path / "export"
    seen = []

    def interrupted() -> None:
        with writing_bundle(path, MANIFEST) as writer:
            writer.add(line(0))
            seen.append(path.exists())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert [False] == seen
    assert [] == list(tmp_path.iterdir())


def test_an_existing_file_stays_unless_told_otherwise(tmp_path: Path) -> None:
    """Also one that appears meanwhile."""
    path = tmp_path / "export"

    with pytest.raises(BundleExistsError, match="--force"), writing_bundle(path, MANIFEST):
        path.write_bytes(b"somebody's")
    assert b"somebody's" == path.read_bytes()
    with writing_bundle(path, MANIFEST, force=True):
        pass

    assert [path] == list(tmp_path.iterdir())
    with reading_bundle(path) as bundle:
        assert 0 == bundle.check(None).records


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    """It holds what alerts say."""
    with writing_bundle(tmp_path / "export", MANIFEST):
        pass

    assert stat.S_IRUSR | stat.S_IWUSR == stat.S_IMODE((tmp_path / "export").stat().st_mode)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "line 1: the file ends here", id="empty"),
        pytest.param(b"no zstd at all", "line 1: the compressed bytes from here on are damaged", id="other"),
        pytest.param(zstandard.compress(b'{"a": 1}\n'), "line 1: is not the beginning of an export", id="other-json"),
    ],
)
def test_a_file_that_is_no_export_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    """With what is wrong, and no traceback."""
    path = tmp_path / "export"
    path.write_bytes(content)

    with pytest.raises(BundleProblem, match=told), reading_bundle(path):
        pass


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(lambda lines: lines[:3] + lines[4:], "alerts 0 has 1 fewer than were exported; "
                     "offset 2 is the first that is not there", id="missing"),
        pytest.param(lambda lines: lines[:6] + lines[9:], "3 fewer than were exported; offset 5",
                     id="some-missing"),
        pytest.param(lambda lines: [*lines[:10], lines[-1]], "1 fewer than were exported; offset 9",
                     id="newest-missing"),
        pytest.param(lambda lines: [*lines[:4], lines[3], *lines[4:]], "has 1 more", id="doubled"),
        pytest.param(lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "as many records as were exported",
                     id="moved"),
        pytest.param(lambda lines: [*lines[:3], lines[3].replace(b"value 2", b"value 3"), *lines[4:]],
                     "as many records as were exported", id="changed"),
        pytest.param(lambda lines: [*lines[:3], *lines[4:-1]], "how the file once ended", id="cut-too"),
        pytest.param(lambda lines: [*lines, b"more"], "line 12: the file ends here", id="rest"),
        pytest.param(lambda lines: [*lines, b"more\n"], "line 12: something follows the last line", id="more"),
    ],
)  # fmt: skip
def test_what_was_done_to_it_is_guessed(
    change: Callable[[list[bytes]], list[bytes]], told: str, tmp_path: Path
) -> None:
    """From what is behind the break, and from what the last line says was exported."""
    path = tmp_path / "export"
    with writing_bundle(path, MANIFEST) as writer:
        for offset in range(10):
            writer.add(line(offset, f"value {offset}"))
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(zstandard.compress(b"".join(change(lines))))

    with pytest.raises(BundleProblem, match=told), reading_bundle(path) as bundle:
        bundle.check(None)


def test_damaged_bytes_are_told_where_they_begin(tmp_path: Path) -> None:
    """As after a bad disk."""
    path = tmp_path / "export"
    with writing_bundle(path, MANIFEST) as writer:
        for offset in range(5_000):
            writer.add(line(offset, f"value {offset * offset}"))
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4] ^= 1
    path.write_bytes(content)

    with pytest.raises(BundleProblem) as caught, reading_bundle(path) as bundle:
        bundle.check(None)

    assert 1 < caught.value.line <= 5_002


def test_a_log_that_goes_back_is_no_log(tmp_path: Path) -> None:
    """As when a topic is deleted and created anew while it is read."""

    def went_back() -> None:
        with writing_bundle(tmp_path / "export", MANIFEST) as writer:
            writer.add(line(3))
            writer.add(line(3))

    with pytest.raises(ValueError, match="alerts 0:3 stands behind 3"):
        went_back()

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [None, b"", b"{}", "Grüße\x00\n".encode(), b"\xff\xfe", b"\xed\xa0\x80"])
def test_bytes_come_back_as_they_were(value: bytes | None) -> None:
    """Text where it can be read, else base64; null stays null in the file and is empty in a record."""
    text = to_text(value)
    record = log_record(
        RecordLine(
            topic=Topic.ALERTS, partition=0, offset=0, timestamp_ms=0, key=text, value=text, headers=(("h", text),)
        )
    )

    assert value == to_bytes(text)
    assert isinstance(text, Base64) == ((value is not None and b"\xff" in value) or value == b"\xed\xa0\x80")
    assert (value, value or b"", (("h", value or b""),)) == (record.key, record.value, record.headers)
