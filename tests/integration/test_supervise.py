"""Supervision of real processes: started again, stopped together, given up, and never left behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from ackline.exits import EXIT_CONFIG
from ackline.local_stack import local_stack
from ackline.supervise import Command, SupervisionError, supervise


LIVES = "import os, sys, time, pathlib; pathlib.Path(sys.argv[1]).open('a').write(f'{os.getpid()}\\n'); "
WORKS = LIVES + "time.sleep(60)"
DRAINS = (
    "import signal, sys, pathlib\n"
    "def drain(*_):\n    pathlib.Path(sys.argv[1]).with_suffix('.drained').touch(); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, drain)\n"
) + WORKS


def command(program: str, lives: Path) -> Command:
    """A process that writes its pid into a file each time it starts, and then does as told."""
    return Command(lives.stem, [sys.executable, "-c", program, str(lives)])


def pids(lives: Path) -> list[int]:
    return [int(line) for line in lives.read_text().split()] if lives.exists() else []


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # processes and files set no event
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def supervised(*commands: Command) -> AsyncIterator[None]:
    stop = asyncio.Event()
    supervision = asyncio.create_task(supervise(commands, stop, environ=os.environ))
    yield
    stop.set()
    await supervision


async def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    """After kill -9 there is a new one, and its neighbour has not been touched."""
    killed, neighbour = tmp_path / "killed", tmp_path / "neighbour"
    async with supervised(command(WORKS, killed), command(WORKS, neighbour)):
        await until(lambda: len(pids(killed)) == len(pids(neighbour)) == 1)

        os.kill(pids(killed)[0], signal.SIGKILL)
        await until(lambda: len(pids(killed)) == 2)

        assert psutil.pid_exists(pids(killed)[1])
    assert 1 == len(pids(neighbour))


async def test_a_stop_lets_every_process_finish(tmp_path: Path) -> None:
    """Each gets a SIGTERM, and supervision ends only when all have ended."""
    first, second = tmp_path / "first", tmp_path / "second"
    async with supervised(command(DRAINS, first), command(DRAINS, second)):
        await until(lambda: len(pids(first)) == len(pids(second)) == 1)

    assert [True, True] == [lives.with_suffix(".drained").exists() for lives in (first, second)]
    assert [] == [pid for pid in pids(first) + pids(second) if psutil.pid_exists(pid)]


async def test_a_wrong_configuration_ends_everything_at_once(tmp_path: Path) -> None:
    """No restart can mend it: the others are stopped, and the error names the process."""
    healthy, refusing = tmp_path / "healthy", tmp_path / "refusing"
    refuses = LIVES + f"time.sleep(0.5); sys.exit({EXIT_CONFIG})"

    with pytest.raises(SupervisionError, match="refusing cannot work with this configuration"):
        await supervise([command(WORKS, healthy), command(refuses, refusing)], asyncio.Event(), environ=os.environ)

    assert 1 == len(pids(refusing))
    assert [] == [pid for pid in pids(healthy) if psutil.pid_exists(pid)]


async def test_a_process_that_cannot_live_is_given_up(tmp_path: Path) -> None:
    """After five short lives in a row supervision ends with an error that has the exit code."""
    dying = tmp_path / "dying"

    with pytest.raises(SupervisionError, match="dying died 5 times in a row, last with code 3"):
        await supervise([command(LIVES + "sys.exit(3)", dying)], asyncio.Event(), environ=os.environ)

    assert 5 == len(pids(dying))


def test_processes_die_with_their_supervisor(tmp_path: Path) -> None:
    """A supervisor that is killed leaves none of them running."""
    lives = tmp_path / "lives"
    program = (
        "import asyncio, os, sys; from ackline.supervise import Command, supervise\n"
        "commands = [Command('child', [sys.executable, '-c', sys.argv[1], sys.argv[2]])]\n"
        "async def main():\n    await supervise(commands, asyncio.Event(), environ=os.environ)\n"
        "asyncio.run(main())"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program, WORKS, str(lives)], stderr=subprocess.DEVNULL)
    while not pids(lives):
        time.sleep(0.02)
    child = psutil.Process(pids(lives)[0])

    supervisor.kill()
    supervisor.wait()

    assert [child] == psutil.wait_procs([child], timeout=10)[0]


async def test_a_local_server_that_dies_is_started_again(tmp_path: Path) -> None:
    """Under the same supervision as the roles, at the same address."""
    with local_stack(tmp_path, kafka=False) as stack:
        stop = asyncio.Event()
        supervision = asyncio.create_task(supervise([], stop, environ={}, stack=stack))
        killed = stack.pids()["redis"]

        os.kill(killed, signal.SIGKILL)
        await until(lambda: stack.pids()["redis"] != killed)

        assert {} == stack.died()
        stop.set()
        await supervision
        revived = stack.pids()["redis"]
    assert not psutil.pid_exists(revived)
