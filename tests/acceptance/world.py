"""A whole deployment that tests drive from outside, and see only from outside: the installed command in processes of
its own, a real Kafka and Redis, and the sandbox in place of Slack and PagerDuty.

Its secrets are easy to recognise, and it can search for them everywhere. No process outlives it.
"""

import contextlib
import inspect
import json
import os
import secrets
import signal
import subprocess
import sys
import time

from asyncio import sleep
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from ackline.child import dies_with_parent
from ackline.local_stack import Endpoints
from ackline.local_stack.ports import choose_ports
from config.load import load
from config.settings import Settings
from sandbox.pagerduty import Incident
from sandbox.server import Sandbox
from sandbox.slack import Message


ACKLINE = Path(sys.executable).with_name("ackline")
"""The command as it was installed."""

SECRETS = {
    "SLACK_TOKEN": "xoxb-acceptance-token-that-nobody-may-see",
    "PAGERDUTY_ROUTING_KEY": "Default0Key0That0Nobody0May0See0",
    "PAGERDUTY_OTHER_ROUTING_KEY_INFRA": "Infra0Key0That0Nobody0May0See000",
    "PAGERDUTY_OTHER_ROUTING_KEY_APP": "App0Key0That0Nobody0May0See00000",
    "PAGERDUTY_OTHER_ROUTING_KEY_DB": "Db0Key0That0Nobody0May0See000000",
    "ACK_SIGNING_KEY": "a-signing-key-that-nobody-may-see-0123456789",
}
KEYS = {
    "default": SECRETS["PAGERDUTY_ROUTING_KEY"],
    "infra": SECRETS["PAGERDUTY_OTHER_ROUTING_KEY_INFRA"],
    "app": SECRETS["PAGERDUTY_OTHER_ROUTING_KEY_APP"],
    "db": SECRETS["PAGERDUTY_OTHER_ROUTING_KEY_DB"],
}
BODY = "words of an alert that no log may hold"

SOON = 0.03
"""Minutes: a wait of 1.8 seconds."""

PATIENCE = 30.0
_LOG_LINES = 25
_FROM_OUTSIDE = ("KAFKA_", "REDIS_", "SLACK_", "PAGERDUTY_", "ACK_")


class World:
    """One deployment: a config, its processes, and what people and machines do to it."""

    def __init__(self, directory: Path, config: str, environ: dict[str, str], sandbox: Sandbox) -> None:
        self.directory = directory
        self.config = directory / "config" / "config.yaml"
        self.config.parent.mkdir()
        self.config.write_text(config, encoding="utf-8")
        # What the machine that runs the tests has set for itself is not meant for this deployment.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FROM_OUTSIDE)}
        self.environ = {**kept, **environ}
        self.sandbox = sandbox
        self.settings: Settings = load(self.config, self.environ).settings
        self.url = f"http://127.0.0.1:{self.settings.port}"
        self.client = httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, command: str, *options: str, state: str = "state") -> subprocess.Popen[bytes]:
        """Run a command of ackline until the world ends."""
        arguments = [ACKLINE, command, "--config", self.config, "--state-dir", self.directory / state, *options]
        with (self.directory / f"{command}-{state}.log").open("ab") as log:
            process = subprocess.Popen(
                arguments,
                stdout=log,
                stderr=log,
                env=self.environ,
                cwd=self.directory,
                start_new_session=True,
                # Even when the tests are killed hard, no pipeline is left behind. What runs there takes no lock.
                preexec_fn=dies_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )
        self.processes.append(process)
        return process

    async def up(self) -> subprocess.Popen[bytes]:
        """`ackline up`, once it takes alerts."""
        process = self.start("up")
        await self.until_ready(process)
        return process

    async def until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Until alerts are accepted, or until it is clear that they never will be."""

        async def is_ready() -> bool:
            assert process.poll() is None, f"it ended with code {process.returncode}\n{self.tail()}"
            with contextlib.suppress(httpx.TransportError):
                return (await self.client.get("/readyz")).status_code == 200
            return False

        await self.until(is_ready, "alerts are accepted", 60)

    async def kill(self, up: subprocess.Popen[bytes], role: str) -> int:
        """Kill (-9) one role of a running `ackline up`; returns its process id."""
        process = await self.until(lambda: role_of(up, role), f"{role} runs")
        process.kill()
        return int(process.pid)

    async def post(self, body: dict[str, Any], **parameters: Any) -> dict[str, Any]:
        """Send an alert that must be accepted; what the answer says."""
        response = await self.client.post("/api/incidents", json=body, params=parameters)
        assert response.status_code == 201, f"{response.status_code} {response.text}\n{self.tail()}"
        answer: dict[str, Any] = response.json()
        return answer

    async def ack(self, link: str, by: str = "Natsu") -> dict[str, Any]:
        """Follow an ACK link as a script does; what the answer says."""
        response = await self.client.get(link, headers={"X-Acknowledged-By": by})
        answer: dict[str, Any] = response.json()
        return answer

    async def incident(self, incident_id: str) -> dict[str, Any]:
        """What the API says about an incident, which is nothing at all while it does not know it."""
        response = await self.client.get(f"/api/incidents/{incident_id}")
        told: dict[str, Any] = response.json() if response.status_code == 200 else {}
        return told

    async def until_state(self, incident_id: str, state: str) -> dict[str, Any]:
        """What the API says about an incident, as soon as it says that it is in this state."""

        async def told() -> dict[str, Any] | None:
            incident = await self.incident(incident_id)
            return incident if incident.get("state") == state else None

        incident: dict[str, Any] = await self.until(told, f"{incident_id} is {state}")
        return incident

    def messages(self, about: str) -> list[Message]:
        """Slack's messages that have these words in them, thread answers included."""
        return [one for one in self.sandbox.slack_messages if about in json.dumps([one.text, one.blocks])]

    async def message(self, about: str) -> Message:
        """The first such message, as soon as it is there."""
        found: list[Message] = await self.until(lambda: self.messages(about), f"Slack is told about {about!r}")
        return found[0]

    def pages(self, incident_id: str) -> list[Incident]:
        """What PagerDuty has opened for an incident, all its rounds."""
        return [one for one in self.sandbox.pagerduty_incidents if one.dedup_key.startswith(incident_id)]

    async def page(self, incident_id: str, seconds: float = PATIENCE) -> Incident:
        """The first of them, as soon as it is there."""
        found: list[Incident] = await self.until(lambda: self.pages(incident_id), f"{incident_id} is paged", seconds)
        return found[0]

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """The first true answer of a condition; an error with the ends of all logs where there is none in time."""
        deadline = time.monotonic() + seconds
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"Not within {seconds:g} s: {what}.\n{self.tail()}")
            await sleep(0.05)

    def log(self) -> str:
        """Everything that any process has said."""
        return "".join(path.read_text(encoding="utf-8") for path in sorted(self.directory.glob("*.log")))

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of the logs that tell of such an event."""
        lines = (json.loads(line) for line in self.log().splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == name]

    def tail(self) -> str:
        """The ends of the logs, and what has arrived in the sandbox."""
        ends = [
            f"--- {path.name}\n" + "\n".join(path.read_text(encoding="utf-8").splitlines()[-_LOG_LINES:])
            for path in sorted(self.directory.glob("*.log"))
        ]
        arrived = [f"Slack {one.channel}: {one.text[:80]!r}" for one in self.sandbox.slack_messages[-5:]]
        arrived += [f"PagerDuty {one.key_name}: {one.summary!r}" for one in self.sandbox.pagerduty_incidents[-5:]]
        return "\n".join([*ends, "--- arrived last", *arrived])

    async def close(self) -> None:
        """End every process, whatever state it is in."""
        await self.client.aclose()
        for process in self.processes:
            end(process)


def alert(title: str, **fields: Any) -> dict[str, Any]:
    """The body of an alert that is no Alertmanager's."""
    return {"title": title, "description": BODY, **fields}


def named(what: str) -> str:
    """A title or key that no other test has."""
    return f"{what} {secrets.token_hex(4)}"


def role_of(up: subprocess.Popen[bytes], role: str) -> psutil.Process | None:
    """The process of a role, while it lives."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(up.pid).children():
            if role in child.cmdline():
                return child
    return None


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill (-9) a process and all that it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait(20)


def config_text(stack: Endpoints, sandbox: Sandbox, prefix: str, **sections: Any) -> str:
    """A config file with everything that matters in it. A section replaces what is here, merged one level deep."""
    port = choose_ports(["ingest"], {})["ingest"]
    keys = {name: f"${{PAGERDUTY_OTHER_ROUTING_KEY_{name.upper()}}}" for name in ("infra", "app", "db")}
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "public_host": f"http://127.0.0.1:{port}",
        "alert": {"slack": {"token": "${SLACK_TOKEN}", "channel_id": "C1", "api_url": sandbox.slack_api_url}},
        "oncall": {
            "wait_minutes": SOON,
            "pagerduty": {
                "routing_key": "${PAGERDUTY_ROUTING_KEY}",
                "other_routing_keys": keys,
                "events_url": sandbox.pagerduty_url,
            },
        },
        "ack": {"signing_key": "${ACK_SIGNING_KEY}"},
        "redis": {"host": stack.redis_host, "port": stack.redis_port, "password": "${REDIS_PASSWORD}",
                  "key_prefix": prefix, "timeout": "2s"},
        "kafka": {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": prefix, "partitions": 2,
                  "session_timeout": "6s"},
    }  # fmt: skip
    for name, section in sections.items():
        values[name] = {**values[name], **section} if isinstance(values.get(name), dict) else section
    return yaml.safe_dump(values, sort_keys=False)


@contextlib.asynccontextmanager
async def a_world(stack: Endpoints, directory: Path, **sections: Any) -> AsyncIterator[World]:
    """A deployment of its own on the shared Kafka and Redis; nothing in it runs yet."""
    prefix = f"a{secrets.token_hex(4)}."
    async with Sandbox(token=SECRETS["SLACK_TOKEN"], keys=KEYS,
                       only_known_keys=True) as sandbox:  # fmt: skip
        environ = {**SECRETS, "REDIS_PASSWORD": str(stack.redis_password)}
        world = World(directory, config_text(stack, sandbox, prefix, **sections), environ, sandbox)
        try:
            yield world
        finally:
            await world.close()
