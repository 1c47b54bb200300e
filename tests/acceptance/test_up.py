"""`ackline up` on a machine that has neither Kafka nor Redis: everything comes up, heals, and goes down."""

import contextlib
import signal
import socket
import subprocess
import sys
import time

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil


CONFIG = """
host: 127.0.0.1
port: {port}
alert: {{slack: {{enable: false}}}}
oncall: {{enable: false}}
ack: {{signing_key: not-a-secret-only-for-this-test-0123456789}}
kafka: {{partitions: 2}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=2).status_code == 200
    return False


@contextlib.contextmanager
def pipeline(directory: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    config = directory / "config.yaml"
    config.write_text(CONFIG.format(port=port))
    command = [sys.executable, "-P", "-m", "ackline", "up", "--config", config, "--state-dir", directory / "state"]
    with (directory / "log").open("ab") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            yield process
        finally:
            process.kill()


def role(process: subprocess.Popen[bytes], name: str) -> psutil.Process:
    return next(child for child in psutil.Process(process.pid).children() if name in child.cmdline())


def test_up_serves_heals_and_goes_down_with_all_that_it_started(tmp_path: Path) -> None:
    """It accepts an alert, brings a killed role back, and after a SIGTERM exits 0 and leaves no process behind."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with pipeline(tmp_path, port) as process:
        until(lambda: answers(f"{url}/readyz"))
        accepted = httpx.post(f"{url}/api/incidents", json={"what": "disk full"}, timeout=10)
        started = psutil.Process(process.pid).children(recursive=True)

        role(process, "ingest").kill()
        until(lambda: not answers(f"{url}/healthz"))
        until(lambda: answers(f"{url}/readyz"))
        started += psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        code = process.wait(40)

    assert 201 == accepted.status_code
    assert 0 == code
    assert [] == psutil.wait_procs(started, timeout=5)[1]
    assert "process_died" in (tmp_path / "log").read_text()
