"""The jars of Apache Kafka, the same bytes on every machine.

`kafka-jars.lock` names each jar by its Maven coordinate and SHA-256. Jars are kept once per user and verified at
every start; a jar enters the cache by an atomic rename after its checksum was right, so that an interrupted download
or two starts at once leave nothing half-written behind.
"""

import hashlib
import os
import sys
import tempfile

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ackline.local_stack.errors import LocalStackError


if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.1.1"
LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")
_DOWNLOADS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class LockedJar:
    """One jar that must be there, byte for byte."""

    coordinate: str
    """group:artifact:version"""
    sha256: str

    @property
    def file_name(self) -> str:
        """As Maven names it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def parse_lock(text: str) -> list[LockedJar]:
    """The jars that a lock file names: one a line, coordinate and checksum; `#` begins a comment."""
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        coordinate, _, sha256 = line.partition(" sha256:")
        if coordinate.count(":") != 2 or len(sha256) != 64:
            raise LocalStackError(
                f"{LOCK_FILE.name}, line {number} is not `group:artifact:version sha256:<64 hex digits>`: {line!r}"
            )
        jars.append(LockedJar(coordinate, sha256))
    return jars


def format_lock(jars: Iterable[LockedJar]) -> str:
    """The text of a lock file. It names no address: each machine downloads from where it is set up to."""
    lines = [f"{jar.coordinate} sha256:{jar.sha256}" for jar in sorted(jars, key=lambda jar: jar.coordinate)]
    return "\n".join([f"# The jars of Apache Kafka {KAFKA_VERSION}; `make lock` renews this file.", *lines, ""])


def cache_dir() -> Path:
    """Where this user's jars are kept, for all state directories together."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ackline" / f"kafka-{KAFKA_VERSION}"


def kafka_jars() -> list[Path]:
    """The verified jars, downloaded where they are not in the cache yet."""
    cache = cache_dir()
    locked = parse_lock(LOCK_FILE.read_text())
    try:
        missing = [jar for jar in locked if not _is_right(cache / jar.file_name, jar)]
        if missing:
            _download_all(missing, cache)
    except OSError as problem:
        raise LocalStackError(
            f"cannot keep Kafka's jars in {cache}: {problem.strerror}. XDG_CACHE_HOME chooses another place"
        ) from problem
    return [cache / jar.file_name for jar in locked]


def _is_right(path: Path, jar: LockedJar) -> bool:
    return path.exists() and sha256_of(path) == jar.sha256


def sha256_of(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download_all(jars: list[LockedJar], cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    _say(f"Downloading Apache Kafka {KAFKA_VERSION} (once, about 45 MB) …")
    with tempfile.TemporaryDirectory(prefix=".download-", dir=cache) as scratch:
        context = maven_context(Path(scratch))
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            fetched = pool.map(lambda jar: _download(jar, context, cache), jars)
            for done, jar in enumerate(fetched, start=1):
                _say(f"  {done}/{len(jars)} {jar.file_name}", passing=True)
    _say(f"Apache Kafka {KAFKA_VERSION} is in {cache}")


def _download(jar: LockedJar, context: "MavenContext", cache: Path) -> LockedJar:
    try:
        fetched = context.create_dependency(jar.coordinate).artifact.resolve()
    except (OSError, RuntimeError) as problem:
        if isinstance(problem, OSError) and problem.errno:
            raise  # This machine's trouble; the network's troubles are OSErrors of requests, without a number.
        raise LocalStackError(
            f"cannot download {jar.coordinate} for the local Kafka ({type(problem).__name__}). Is the machine "
            "connected? Repositories of your own go into ~/.config/jgo.conf, section [repositories]. "
            "Or name a Kafka of yours in kafka.bootstrap_servers, and none is started here."
        ) from problem
    found = sha256_of(fetched)
    if found != jar.sha256:
        raise LocalStackError(
            f"{jar.coordinate} has the checksum {found}, but {LOCK_FILE.name} wants {jar.sha256}: what was downloaded "
            "is not what this release was tested with. Try again; if it stays, the repository that you download "
            "from serves other bytes."
        )
    fetched.replace(cache / jar.file_name)
    return jar


def maven_context(scratch: Path) -> "MavenContext":
    """The view that jgo has of the Maven repositories, with the user's own from jgo's settings where there are any.

    jgo is imported here because only a first start needs it.
    """
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext(repo_cache=scratch, timeout=60)
    context.remote_repos.update(GlobalSettings.load().repositories)
    return context


def _say(line: str, *, passing: bool = False) -> None:
    """A line on stderr; a passing one is overwritten by the next and shown on terminals only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}" if passing else f"\r\x1b[K{line}\n")
        sys.stderr.flush()
    elif not passing:
        sys.stderr.write(f"{line}\n")
