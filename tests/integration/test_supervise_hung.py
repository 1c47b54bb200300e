"""A process that lives and does nothing is started anew: one that says so, and one that says nothing at all."""

import asyncio
import contextlib
import os
import signal
import sys

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

import ackline.liveness
import ackline.supervise

from ackline.supervise import Command, supervise


SERVES = """
import http.server, os, pathlib, sys
lives, port = pathlib.Path(sys.argv[1]), int(sys.argv[sys.argv.index("--health-port") + 1])
with lives.open("a") as file:
    file.write(f"{os.getpid()}\\n")
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if lives.with_suffix(".stuck").exists() else 200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""
PATIENCE = 30


def pids(lives: Path) -> list[int]:
    return [int(line) for line in lives.read_text().split()] if lives.exists() else []


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # processes and files set no event
            await asyncio.sleep(0.02)


@pytest.fixture
def lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a process writes its pid; and a supervisor that loses its patience soon."""
    monkeypatch.setattr(ackline.liveness, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(ackline.supervise, "_ASK_SECONDS", 0.1)
    monkeypatch.setattr(ackline.supervise, "_ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(ackline.supervise, "STUCK_STOP_SECONDS", 0.5)
    return tmp_path / "lives"


@contextlib.asynccontextmanager
async def supervised(lives: Path) -> AsyncIterator[None]:
    stop = asyncio.Event()
    command = Command("serves", [sys.executable, "-c", SERVES, str(lives)], tells_health=True)
    supervision = asyncio.create_task(supervise([command], stop, environ=os.environ))
    yield
    stop.set()
    await supervision


async def test_a_process_that_hangs_is_replaced(lives: Path) -> None:
    """Stopped in its tracks it answers nothing, not even a SIGTERM: it is killed, and there is a new one."""
    async with supervised(lives):
        await until(lambda: len(pids(lives)) == 1)
        await asyncio.sleep(1)  # it has been well
        os.kill(pids(lives)[0], signal.SIGSTOP)

        await until(lambda: len(pids(lives)) == 2)

        assert not psutil.pid_exists(pids(lives)[0])


async def test_a_process_that_says_it_is_stuck_is_replaced(lives: Path) -> None:
    """Its parts stand still, so it is stopped, and there is a new one."""
    async with supervised(lives):
        await until(lambda: len(pids(lives)) == 1)
        await asyncio.sleep(1)
        lives.with_suffix(".stuck").touch()

        await until(lambda: len(pids(lives)) == 2)


async def test_a_process_that_is_well_is_left_alone(lives: Path) -> None:
    """However often it is asked."""
    async with supervised(lives):
        await until(lambda: len(pids(lives)) == 1)
        await asyncio.sleep(3)  # three times the patience

        assert 1 == len(pids(lives))
