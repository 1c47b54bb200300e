"""Proves docker-compose.yml on a real engine: told, acknowledged, paged, paged after a kill, shared by two workers.

No test of `make test`, since it needs Docker; `make compose-check` runs it. The containers are a project of their own,
on free ports, and are removed at the end with their data.
"""

import os
import subprocess
import sys
import time

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from ackline.local_stack.ports import choose_ports


# ruff: noqa: T201  # It talks to whoever runs it.

ROOT = Path(__file__).parents[2]
PORTS = choose_ports(["ingest", "sandbox"], {})
INGEST, SANDBOX = (f"http://localhost:{PORTS[name]}" for name in ("ingest", "sandbox"))
SECONDS = 120
"""The longest that anything is waited for; starting a JVM and four roles takes most of it on a small machine."""


def environment() -> dict[str, str]:
    """For compose: variables of this shell would win over the sandbox's, and its Slack might be a real one."""
    lines = (ROOT / "sandbox.env").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    ours = {"ACKLINE_PORT": str(PORTS["ingest"]), "SANDBOX_PORT": str(PORTS["sandbox"]), "PUBLIC_HOST": INGEST}
    return os.environ | given | ours


def compose(*arguments: str) -> None:
    """One `docker compose` command; its own words, where it fails, say why."""
    command = ["docker", "compose", "--project-name", "ackline-check", "--env-file", "sandbox.env", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True)


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for something that must come, and say that it did."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {SECONDS} s: {what}")
        time.sleep(0.2)
    print(f"✓ {what}", flush=True)


def is_ready() -> bool:
    """Whether alerts are accepted."""
    try:
        return httpx.get(f"{INGEST}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def fire(name: str, wait_minutes: float) -> str:
    """Post an alert; returns its ACK link."""
    body = {"status": "firing", "commonLabels": {"alertname": name, "severity": "critical"}}
    parameters = {"oncall_wait_minutes": wait_minutes}
    answer = httpx.post(f"{INGEST}/api/incidents", params=parameters, json=body, timeout=10).raise_for_status()
    link: str = answer.json()["ack_url"]
    return link


def told(link: str) -> bool:
    """Whether a message in Slack has this link."""
    return any(link in message["links"] for message in arrived("slack/messages"))


def pages(name: str) -> list[int]:
    """How often PagerDuty was triggered for each incident of this alert."""
    return [incident["triggers"] for incident in arrived("pagerduty/incidents") if incident["summary"] == name]


def arrived(what: str) -> list[dict[str, Any]]:
    """What the stand-ins have."""
    items: list[dict[str, Any]] = httpx.get(f"{SANDBOX}/control/{what}").json()[what.rpartition("/")[2]]
    return items


def acknowledged_or_paged() -> None:
    """Of two alerts with the same wait, the first is acknowledged, and only the second pages."""
    link = fire("Acknowledged", 0.1)
    until("an alert is told in Slack with its ACK link", lambda: told(link))
    httpx.get(link).raise_for_status()
    fire("Ignored", 0.1)
    until("what nobody acknowledges is paged once", lambda: pages("Ignored") == [1])
    assert pages("Acknowledged") == [], "an acknowledged alert was paged"


def paged_after_a_kill() -> None:
    """A deadline that passes while no worker lives is kept by the next one."""
    link = fire("Orphaned", 0.1)
    until("another alert is told", lambda: told(link))
    compose("kill", "streams")
    compose("up", "--detach", "streams")
    until("it is paged once, though its worker was killed", lambda: pages("Orphaned") == [1])


def shared_by_two() -> None:
    """Two workers and two notifiers share the partitions, and nothing is paged twice."""
    compose("up", "--detach", "--scale", "streams=2", "--scale", "notifiers=2")
    for _ in range(16):
        fire("Shared", 0)
    until("two workers and two notifiers page 16 alerts once each", lambda: pages("Shared") == [1] * 16)


def main() -> int:
    """Start everything, try it, and take everything away; the exit code."""
    try:
        compose("up", "--detach", "--build")
        until("alerts are accepted", is_ready)
        acknowledged_or_paged()
        paged_after_a_kill()
        shared_by_two()
    except (AssertionError, TimeoutError, httpx.HTTPError, subprocess.CalledProcessError) as problem:
        print(f"✗ {problem}", file=sys.stderr)
        compose("logs", "--tail", "20")
        return 1
    finally:
        compose("down", "--volumes")
    print("✓ docker-compose.yml works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
