"""Starts and stops a server process so that none outlives us and none is killed by a Ctrl-C meant for us.

A child is in a session of its own, dies with us even when we are killed by SIGKILL (on Linux), and leaves a pid file
by which a later run recognises and stops it where it survived all the same.
"""

import contextlib
import signal
import subprocess

from collections.abc import Sequence
from pathlib import Path

import psutil

from ackline.child import dies_with_parent


_STOP_SECONDS = 15


def spawn(command: Sequence[str | Path], *, home: Path, output: Path, pid_file: Path) -> subprocess.Popen[bytes]:
    """Start a server in its own directory; what it prints goes to the end of a file."""
    with output.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603  # our own servers with our own arguments
            command,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509  # nothing else runs in this process yet
        )
    pid_file.write_text(str(process.pid))
    return process


def stop(process: subprocess.Popen[bytes], pid_file: Path) -> None:
    """End a server of ours: politely, and after a bound by force."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    pid_file.unlink(missing_ok=True)


def stop_leftover(pid_file: Path, state_dir: Path) -> None:
    """End what an earlier run, killed before it could clean up, has left running.

    Pids are reused, so the pid file alone proves nothing: the process must work in our state directory, too.
    (Its command line would prove less: Redis writes over its own.)
    """
    with contextlib.suppress(FileNotFoundError, ValueError, psutil.Error):
        leftover = psutil.Process(int(pid_file.read_text()))
        if Path(leftover.cwd()).is_relative_to(state_dir):
            leftover.terminate()
            _wait_or_kill(leftover)
    pid_file.unlink(missing_ok=True)


def _wait_or_kill(process: psutil.Process) -> None:
    try:
        process.wait(_STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(_STOP_SECONDS)
