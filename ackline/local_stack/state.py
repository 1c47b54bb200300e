"""The state directory of the local stack: whose it is, and what is remembered between runs."""

import contextlib
import fcntl
import json
import os

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ackline.local_stack.errors import LocalStackError
from ackline.local_stack.redis import new_password, write_private


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a run leaves for the next one."""

    ports: dict[str, int] = field(default_factory=dict)
    redis_password: str = field(default_factory=new_password, repr=False)


@contextlib.contextmanager
def held(state_dir: Path) -> Iterator[None]:
    """Keep the state directory for ourselves: two brokers on the same data would ruin it.

    The lock goes with the process that holds it, so a kill -9 leaves none behind.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("a+") as lock:
        if not _locked(lock.fileno()):
            lock.seek(0)
            raise LocalStackError(
                f"{state_dir} is in use by process {lock.read().strip() or '(unknown)'}: "
                "stop that one, or choose another directory with --state-dir"
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_held(state_dir: Path) -> bool:
    """Whether some process runs a local stack there now."""
    try:
        with (state_dir / "lock").open() as lock:
            return not _locked(lock.fileno())
    except FileNotFoundError:
        return False


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def recall(state_dir: Path) -> Remembered:
    """What the last run left; a file that makes no sense counts as none."""
    try:
        return Remembered(**json.loads(_file(state_dir).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return Remembered()


def remember(state_dir: Path, what: Remembered) -> None:
    """Leave it for the next run, and for commands that want to find the running one."""
    write_private(_file(state_dir), json.dumps(asdict(what)))


def _file(state_dir: Path) -> Path:
    return state_dir / "local_stack.json"
