"""`ackline demo` as somebody meets it who has just installed it: it starts all it needs, shows it, and leaves nothing."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import time

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.acceptance.world import ACKLINE, end


ROWS = [
    "alert → Slack with ACK link",
    "ACK before the deadline → PagerDuty hears nothing",
    "no ACK → PagerDuty triggered once, at the deadline",
    "oncall_wait_minutes=0 → triggered at once",
    "oncall_enable=false → Slack only",
    "pagerduty_other_routing_key=infra → infra's key used, and that key in no topic, log or URL",
    "the same alert five times → one message, one page",
    "resolved before the deadline → no page",
    "a record written straight to Kafka → same as by HTTP",
]
PATIENCE = 100.0
SECONDS_TO_STOP = 20.0
"""Far more than it takes: a role may need them when a machine is busy."""


def command(state: Path, *options: str) -> list[str | Path]:
    return [ACKLINE, "demo", "--state-dir", state, *options]


def run(state: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, with a pipe where a terminal would be."""
    return subprocess.run(command(state, *options), capture_output=True, text=True, check=False, timeout=PATIENCE)


@contextlib.contextmanager
def started(state: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """It runs, and is killed where it still does at the end."""
    with subprocess.Popen(
        command(state, *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        try:
            yield demo
        finally:
            end(demo)


def line_with(words: str, demo: "subprocess.Popen[str]") -> str:
    """The first line with these words, as soon as it is written."""
    assert demo.stdout is not None
    seen = []
    for line in demo.stdout:
        if words in line:
            return line
        seen.append(line)
    raise AssertionError(f"it ended without {words!r}:\n{''.join(seen)}")


class Terminal:
    """A demo on a terminal, and whoever sits before it."""

    def __init__(self, state: Path) -> None:
        self._pid, self._screen = pty.fork()
        if self._pid == 0:
            os.execve(ACKLINE, [str(part) for part in command(state)], {**os.environ, "TERM": "xterm"})
        self.text = ""
        self.exit_code: int | None = None

    def read_until(self, words: str) -> None:
        """Read until these words are on the screen."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.text:
            assert time.monotonic() < deadline, self.text
            assert self._read(), f"it ended without {words!r}:\n{self.text}"

    def press_ctrl_c(self) -> float:
        """Seconds that it takes to end after that."""
        os.write(self._screen, b"\x03")
        pressed = time.monotonic()
        while self._read():
            pass
        self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        os.close(self._screen)
        return time.monotonic() - pressed

    def _read(self) -> bool:
        try:
            self.text += os.read(self._screen, 65536).decode(errors="replace")
        except OSError:  # how Linux says that nobody has the other side open any more
            return False
        return True


def left_by(state: Path) -> list[psutil.Process]:
    """The processes that work in a state directory."""
    return [process for process in psutil.process_iter() if _works_in(process, str(state))]


def _works_in(process: psutil.Process, state: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return state in " ".join(process.cmdline()) or process.cwd().startswith(state)
    return False


def outcomes(output: str) -> dict[str, str]:
    """The table: each scenario, and what became of it."""
    rows = re.findall(r"^│ (.+?) +│ [✓✗] (\w+) │", output, re.MULTILINE)
    return dict(rows)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Path, subprocess.CompletedProcess[str]]":
    """A whole check, as the first thing that ever happens in its state directory."""
    state = tmp_path_factory.mktemp("checked") / "state"
    return state, run(state, "--check")


@pytest.fixture(scope="module")
def shown(
    tmp_path_factory: pytest.TempPathFactory,
) -> "tuple[subprocess.CompletedProcess[str], Terminal, float]":
    """Two demos at the same time: one that writes into a pipe, and one on a terminal, where Ctrl-C ends it."""
    directory = tmp_path_factory.mktemp("shown")
    with ThreadPoolExecutor() as pool:
        piped = pool.submit(run, directory / "piped")
        terminal = Terminal(directory / "terminal")
        terminal.read_until("Send an alert of your own")
        seconds = terminal.press_ctrl_c()
        return piped.result(), terminal, seconds


def test_the_check_passes(checked: "tuple[Path, subprocess.CompletedProcess[str]]") -> None:
    """Every scenario is in the table, passed, the lateness of the page is told, and the exit code is 0."""
    _, done = checked

    assert dict.fromkeys(ROWS, "passed") == outcomes(done.stdout), done.stdout + done.stderr
    assert re.search(rf"{ROWS[2]}.*\d+ ms late", done.stdout)
    assert (0, "") == (done.returncode, done.stderr)


def test_the_check_leaves_nothing_running(checked: "tuple[Path, subprocess.CompletedProcess[str]]") -> None:
    """No Kafka, no Redis, no role."""
    state, _ = checked

    assert [] == left_by(state)


def test_a_scenario_that_fails_fails_the_check(checked: "tuple[Path, subprocess.CompletedProcess[str]]") -> None:
    """PagerDuty refuses infra's key: that row alone has failed, both sides are told, and the exit code is 1."""
    state, _ = checked
    with started(state, "--check") as demo:
        sandbox = line_with("stand-ins", demo).split()[-1]
        fault = {"mode": "error", "error": "Invalid routing key", "on": "infra"}
        httpx.post(f"{sandbox}/control/pagerduty/faults", json=fault, trust_env=False).raise_for_status()
        output = demo.communicate(timeout=PATIENCE)[0]

    assert dict.fromkeys(ROWS, "passed") | {ROWS[5]: "failed"} == outcomes(output), output
    assert "expected: a page through the infra key" in output
    assert "seen:     one through the default key" in output
    assert 1 == demo.returncode


def test_without_a_terminal_it_shows_all_and_ends(
    shown: "tuple[subprocess.CompletedProcess[str], Terminal, float]",
) -> None:
    """Each scenario is told as it happens, and the verdict is the exit code."""
    done, _, _ = shown

    assert dict.fromkeys(ROWS, "passed") == outcomes(done.stdout), done.stdout + done.stderr
    assert re.findall(r"^(\d)\. ", done.stdout, re.MULTILINE) == [str(number + 1) for number in range(len(ROWS))]
    assert "ACK link: http://127.0.0.1:" in done.stdout
    assert re.search(r"PagerDuty rings \(default key\), \d+ ms after its time: InstanceDown", done.stdout)
    assert (0, "") == (done.returncode, done.stderr)


def test_on_a_terminal_it_stays_until_ctrl_c(
    shown: "tuple[subprocess.CompletedProcess[str], Terminal, float]",
) -> None:
    """After the verdict there are links to go on with; Ctrl-C ends it within seconds and without a traceback."""
    _, terminal, seconds = shown

    assert "9 of 9 scenarios passed" in terminal.text
    assert re.search(r"curl 'http://127\.0\.0\.1:\d+/api/incidents\?", terminal.text)
    assert "Everything is stopped." in terminal.text
    assert "Traceback" not in terminal.text
    assert seconds < SECONDS_TO_STOP
    assert 0 == terminal.exit_code


def test_ctrl_c_in_the_middle_stops_it(tmp_path: Path) -> None:
    """No verdict, so the exit code says that it was interrupted; nothing is left running, and no traceback is shown."""
    terminal = Terminal(tmp_path)
    terminal.read_until("1. alert")

    seconds = terminal.press_ctrl_c()

    assert "Traceback" not in terminal.text
    assert seconds < SECONDS_TO_STOP
    assert 128 + signal.SIGINT == terminal.exit_code
    assert [] == left_by(tmp_path)


def test_a_second_demo_in_the_same_place_is_refused_and_a_killed_one_leaves_nothing(tmp_path: Path) -> None:
    """The second one says what to do and leaves the first alone; after kill -9 every process of the first ends."""
    with started(tmp_path) as first:
        line_with("stand-ins", first)
        second = run(tmp_path)
        line_with("is ready", first)
        running = [process for process in left_by(tmp_path) if process.pid != first.pid]

        first.kill()
        _, alive = psutil.wait_procs(running, timeout=SECONDS_TO_STOP)

    assert 1 == second.returncode
    assert "choose another directory with --state-dir" in second.stdout
    assert "Traceback" not in second.stderr
    assert 6 <= len(running), "Kafka, Redis and four roles"
    assert [] == alive
