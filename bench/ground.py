"""What every bench stands on: a Kafka and a Redis of our own, and a deployment on them whose processes are measured.

Each deployment has topics of its own, which are gone with it: what was measured before is no load on what comes after.
"""

import asyncio
import contextlib
import itertools
import os

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ackline.local_stack import Endpoints, LocalStack
from ackline.local_stack.ports import LOOPBACK, choose_ports
from ackline.topics_admin import ensure_topics
from bench import topics
from bench.processes import Process, get, start, until
from bench.standin import StandIn, stand_in
from config.load import load
from config.settings import Settings


READY_SECONDS = 900.0
"""A worker may have a million deadlines to read again before it is ready."""
KEYS = 32
"""Routing keys of a deployment unless a bench wants more. Each is a lane."""
ROLES = ("streams", "notifiers", "projection", "reconciler", "ingest")
"""A whole pipeline, in the order in which it is started."""
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Ground:
    """Where Kafka and Redis are, and where files may lie."""

    stack: LocalStack
    home: Path


@dataclass(slots=True)
class Site:
    """A deployment: its config, its stand-in for Slack and PagerDuty, and the processes that run."""

    home: Path
    settings: Settings
    environ: Mapping[str, str]
    stand_in: StandIn
    values: Mapping[str, Any]
    """What is in its config file."""
    _running: list[Process] = field(default_factory=list)

    async def start(self, role: str, number: int = 1) -> Process:
        """One more process of a role, with files of its own; returns when it is ready.

        Raises:
            CannotMeasure: it ends, or takes too long.
        """
        name = f"{role}-{number}"
        port = choose_ports([name], {})[name]
        config = self._config_of(role, name, port)
        health = [] if role == "ingest" else ["--health-port", str(port), "--health-host", LOOPBACK]
        options = ["--config", str(config), "--state-dir", str(self.state_of(role, number)), *health]
        return await self._begin(name, ["ackline", role, *options], port)

    async def start_route(self, number: int) -> Process:
        """One more process of the bare route; returns when it is ready."""
        name = f"route-{number}"
        port = choose_ports([name], {})[name]
        kafka = self.settings.kafka
        options = ["--port", str(port), "--kafka", str(kafka.bootstrap_servers), "--topic",
                   topics.named(kafka, topics.LIMIT_TOPICS[0])]  # fmt: skip
        return await self._begin(name, ["bench.limits.route", *options], port)

    def start_loop(self, source: str, targets: Sequence[str]) -> Process:
        """The bare loop from a topic to others."""
        kafka = str(self.settings.kafka.bootstrap_servers)
        options = ["--kafka", kafka, "--group", f"{source}-loop", "--source", source]
        named = [word for target in targets for word in ("--target", target)]
        process = start("loop", ["bench.limits.loop", *options, *named], self.environ, self.home / "loop.log")
        self._running.append(process)
        return process

    def state_of(self, role: str, number: int = 1) -> Path:
        """The state directory of a process."""
        return self.home / f"{role}-{number}"

    def disk_bytes(self, role: str) -> int:
        """What a process of a role has on its disk."""
        return sum(file.stat().st_size for file in self.state_of(role).rglob("*") if file.is_file())

    async def stop(self) -> None:
        """End every process at once."""
        for process in self._running:
            await process.kill()

    async def _begin(self, name: str, module: Sequence[str], port: int) -> Process:
        process = start(name, module, self.environ, self.home / f"{name}.log", port)
        self._running.append(process)
        await until(lambda: _is_ready(process), f"{name} is ready", READY_SECONDS, process)
        return process

    def _config_of(self, role: str, name: str, port: int) -> Path:
        # Each process of ingest listens on a port of its own, as behind a load balancer on one machine.
        file = self.home / f"{name}.yaml"
        file.write_text(yaml.safe_dump({**self.values, "port": port} if role == "ingest" else dict(self.values)))
        return file


@contextlib.asynccontextmanager
async def site(ground: Ground, name: str, *, partitions: int = 4, keys: int = KEYS,
               **sections: Any) -> AsyncIterator[Site]:  # fmt: skip
    """A deployment in which nothing runs yet but the stand-in. `sections` change its config, merged one level deep."""
    home = ground.home / f"{name}-{os.getpid()}-{next(_NUMBERS)}"
    await asyncio.to_thread(home.mkdir, parents=True)
    environ = {**os.environ, **ground.stack.endpoints.environ(), "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}
    async with stand_in(home) as there:
        values = _values(home.name, ground.stack.endpoints, there, keys, sections)
        values["kafka"]["partitions"] = partitions
        file = home / "config.yaml"
        file.write_text(yaml.safe_dump(values))
        settings = load(file, environ).settings
        await topics.create(settings.kafka)
        await ensure_topics(settings.kafka)  # Waits for their leaders.
        here = Site(home, settings, environ, there, values)
        try:
            yield here
        finally:
            await here.stop()
            await topics.delete(settings.kafka)


async def _is_ready(process: Process) -> bool:
    answer = await get(process.port, "/readyz")
    return answer is not None and answer.get("status") == "ready"


def key_name(number: int) -> str:
    """The name of a routing key."""
    return f"key{number}"


def _values(
    name: str, endpoints: Endpoints, there: StandIn, keys: int, sections: Mapping[str, Any]
) -> dict[str, Any]:  # fmt: skip
    values: dict[str, Any] = {
        "host": LOOPBACK,
        "port": 0,
        "public_host": f"http://{LOOPBACK}",
        "alert": {"slack": {"token": "xoxb-opens-only-the-stand-in", "channel_id": "C1", "dead_letter_notes": False,
                            "api_url": f"{there.url}/slack"}},
        "oncall": {
            "pagerduty": {
                "routing_key": _key(0),
                "other_routing_keys": {key_name(number): _key(number) for number in range(1, keys + 1)},
                "events_url": there.url,
            },
        },
        "ack": {"signing_key": "a-signing-key-for-the-benches-0123456789"},
        "redis": {"host": endpoints.redis_host, "port": endpoints.redis_port, "password": "${REDIS_PASSWORD}",
                  "key_prefix": f"{name}:"},
        "kafka": {"bootstrap_servers": endpoints.bootstrap_servers, "topic_prefix": f"{name}."},
    }  # fmt: skip
    for section, change in sections.items():
        values[section] = {**values.get(section, {}), **change}
    return values


def _key(number: int) -> str:
    """A routing key that opens nothing but the stand-in."""
    return f"R{number:031d}"
