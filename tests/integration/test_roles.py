"""A role as a process: it drains when told to stop, ends at once when told twice, and fails with one clear line."""

import json
import signal
import subprocess
import sys

import pytest


def role_that(body: str) -> subprocess.Popen[str]:
    """A process that runs a role with this body, and says on stdout when it is at work."""
    program = (
        "import asyncio, sys\n"
        "from ackline.logs import configure_logs\n"
        "from ackline.roles import run_until_signalled\n"
        "class Role:\n"
        "    def health(self): return {}\n"
        "    async def run(self, stop):\n"
        "        print('at work', flush=True)\n"
        f"        {body}\n"
        "configure_logs('fake')\n"
        "sys.exit(run_until_signalled(Role))\n"
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> list[dict[str, str]]:
    """What the process logged until its end, event by event."""
    _, logged = process.communicate(timeout=20)
    return [json.loads(line) for line in logged.splitlines()]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "ctrl-c"])
def test_a_signal_lets_the_role_finish(sent: signal.Signals) -> None:
    """The role is told to stop, and the process exits 0 when it has drained."""
    process = role_that("await stop.wait(); print('drained', flush=True)")
    assert process.stdout
    process.stdout.readline()

    process.send_signal(sent)
    drained = process.stdout.readline()

    assert "drained\n" == drained
    assert ["role_started", "role_stopped"] == [event["event"] for event in told(process)]
    assert 0 == process.returncode


def test_a_second_signal_ends_it_at_once() -> None:
    """A role that does not come to an end can be ended by whoever asked for it."""
    process = role_that("await stop.wait(); print('draining', flush=True); await asyncio.sleep(60)")
    assert process.stdout
    process.stdout.readline()

    process.send_signal(signal.SIGTERM)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    told(process)

    assert 130 == process.returncode


def test_what_the_world_did_is_told_in_one_line() -> None:
    """A port that is taken, say, needs no traceback; the process exits 1."""
    process = role_that("raise ExceptionGroup('tasks', [OSError('cannot listen on 3000')])")

    *_, last = told(process)

    assert ("role_failed", "OSError: cannot listen on 3000") == (last["event"], last["reason"])
    assert "exception" not in last
    assert 1 == process.returncode


def test_a_bug_is_told_with_its_traceback() -> None:
    """What nobody expected comes with the place where it happened."""
    process = role_that("{}['missing']")

    *_, last = told(process)

    assert "KeyError: 'missing'" in last["exception"]
    assert 1 == process.returncode
