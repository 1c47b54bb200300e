"""A pipeline of real roles that a config file describes, and a story with known outcomes for it to record."""

import json

from pathlib import Path
from typing import Any

import httpx

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from notifiers.service import Notifiers
from sandbox.server import Sandbox
from streams.service import Streams
from tests.edge import SLACK_TOKEN, running, running_edge, until


SOON = 0.02
"""Minutes: a wait of 1.2 seconds."""


def config_with(stack: Endpoints, path: Path, prefix: str, sandbox: Sandbox | None = None, **oncall: Any) -> Path:
    """A config file of this stack; with a sandbox, for a pipeline that tells it everything."""
    slack = {"api_url": sandbox.slack_api_url} if sandbox else {}
    pagerduty = {"events_url": sandbox.pagerduty_url} if sandbox else {}
    settings = {
        "host": "127.0.0.1",
        "port": 0,
        "alert": {"slack": {"token": SLACK_TOKEN, "channel_id": "C1", **slack}},
        "oncall": {"pagerduty": {"routing_key": "0" * 32, **pagerduty}, **oncall},
        "kafka": {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": prefix, "partitions": 2},
        "redis": {"host": stack.redis_host, "port": stack.redis_port, "password": stack.redis_password,
                  "key_prefix": prefix, "timeout": "2s"},
    }  # fmt: skip
    path.write_text(json.dumps(settings))  # which is YAML too
    return path


async def a_story(client: httpx.AsyncClient, sandbox: Sandbox) -> dict[str, str]:
    """Incidents by what becomes of them; each problem is its own."""
    incidents = {}

    async def post(name: str, **body: Any) -> None:
        answer = await client.post("/api/incidents", json={"title": name, **body}, params={"dedup_key": name})
        incidents.setdefault(name, str(answer.json()["incident_id"]))

    async def acknowledge(name: str) -> None:
        assert (await client.get(f"/api/incidents/ack/{incidents[name]}")).is_success

    await post("in time")
    await acknowledge("in time")
    for name in ("too late", "nobody", "over"):
        await post(name, severity="critical")

    async def paged() -> bool:
        return len(sandbox.pagerduty_incidents) == 3

    await until(paged)
    await acknowledge("too late")
    await post("over", status="resolved")

    async def followed() -> bool:
        statuses = sorted(str(each.status) for each in sandbox.pagerduty_incidents)
        return statuses == ["acknowledged", "resolved", "triggered"]

    await until(followed)
    return incidents


async def recorded(settings: Settings, sandbox: Sandbox, data: Path) -> dict[str, str]:
    """The story, told to running roles, which are ended afterwards."""
    await ensure_topics(settings.kafka)
    async with running(Streams(settings, data)), running(Notifiers(settings)), running_edge(settings) as client:
        return await a_story(client, sandbox)
