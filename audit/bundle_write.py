"""Writes an export. Until it is whole there is no file of its name; an error or Ctrl-C leaves none behind."""

import contextlib
import os
import tempfile

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

from audit.bundle_lines import Chain, Line, Manifest, RecordLine, Tally, encode_line


class BundleExistsError(Exception):
    """There is a file of this name, and nobody said that it may go."""


class BundleWriter:
    """Takes the lines of an export, one after the other."""

    def __init__(self, file: IO[bytes], manifest: Manifest) -> None:
        self._chain = Chain()
        self._tally = Tally()
        # The checksum is zstd's own: it finds a bad disk, the chain finds the rest.
        self._out = zstandard.ZstdCompressor(write_checksum=True).stream_writer(file, closefd=False)
        self._write(manifest)

    def add(self, line: RecordLine) -> None:
        """Write one record.

        Raises:
            ValueError: its partition is past it already: Kafka's log was replaced while it was read.
        """
        self._tally.add(line)
        self._write(line)

    def close(self) -> None:
        """Write the end."""
        self.end = self._tally.end
        self._write(self.end)
        self._out.flush(zstandard.FLUSH_FRAME)

    @property
    def head(self) -> str:
        """The hash of the last line so far; once closed, of the whole."""
        return self._chain.head

    def _write(self, line: Line) -> None:
        self._out.write(encode_line(line, self._chain))


@contextlib.contextmanager
def writing_bundle(path: Path, manifest: Manifest, *, force: bool = False) -> Iterator[BundleWriter]:
    """A writer; where the block ends well the file is there, whole and on the disk, readable by its owner only.

    Raises:
        BundleExistsError: the file exists, and `force` is false.
        OSError: it cannot be written.
    """
    refuse_existing(path, force=force)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            writer = BundleWriter(file, manifest)
            yield writer
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        refuse_existing(path, force=force)
        Path(temporary).replace(path)
        _sync_directory(path.parent)
    finally:
        Path(temporary).unlink(missing_ok=True)


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raises BundleExistsError where there is a file already that must not go."""
    if path.exists() and not force:
        raise BundleExistsError(f"{path}: there is such a file already; choose another name, or give --force")


def _sync_directory(directory: Path) -> None:
    """The name is on the disk only once its directory is."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
