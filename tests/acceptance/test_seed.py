"""The config file of the document that users come from starts the whole pipeline, word for word."""

import asyncio
import contextlib

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ackline.local_stack import Endpoints
from ackline.local_stack.ports import choose_ports, is_free
from sandbox.server import Sandbox
from tests.acceptance.world import KEYS, SECRETS, World, alert, named


SEED = Path(__file__).parents[1] / "data" / "seed"
CHANNEL = "C0SEED"
PORT = 3000


@pytest.fixture
def config() -> str:
    """The document's config. Its port gives way only where something else of this machine listens there already."""
    text = (SEED / "config.yaml").read_text()
    assert f"port: {PORT}\n" in text
    return text if is_free(PORT) else text.replace(f"port: {PORT}\n", f"port: {choose_ports(['p'], {})['p']}\n")


@contextlib.asynccontextmanager
async def a_seeded_world(directory: Path, config: str, stack: Endpoints, proxy: str) -> AsyncIterator[World]:
    """The document's files where it puts them, and the environment that it names, with Kafka as the only addition."""
    async with Sandbox(token=SECRETS["SLACK_TOKEN"], keys=KEYS, only_known_keys=True) as sandbox:
        # What is meant for Slack and PagerDuty themselves must not leave this machine.
        environ = {**SECRETS, **stack.environ(), "SLACK_CHANNEL_ID": CHANNEL, "HTTPS_PROXY": proxy}
        world = World(directory, config.replace("@sandbox", sandbox.url), environ, sandbox)
        (directory / "config" / "slack_message.tmpl").write_bytes((SEED / "slack_message.tmpl").read_bytes())
        try:
            yield world
        finally:
            await world.close()


@contextlib.asynccontextmanager
async def a_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTPS proxy that lets nothing through; its address, and the hosts that it was asked for."""
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().split()[1])
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def test_the_documents_config_starts_the_pipeline_as_it_is(stack: Endpoints, tmp_path: Path, config: str) -> None:
    """An alert is accepted and waits for three minutes; Slack is called; the Go template is told as a warning."""
    async with a_proxy() as (proxy, asked), a_seeded_world(tmp_path, config, stack, proxy) as world:
        await world.up()
        answer = await world.post(alert(named("Seed")))
        incident = await world.until_state(answer["incident_id"], "pending")
        await world.until(lambda: asked, "Slack is called")
        acknowledged = await world.ack(f"{world.url}/api/incidents/ack/{answer['incident_id']}")
        warnings = [event["problem"] for event in world.events("config_doubtful")]

    assert f"https://your-ack-host.example/api/incidents/ack/{answer['incident_id']}" == answer["ack_url"]
    assert incident["opened_at"] < incident["due_at"]
    assert {"slack.com:443"} == set(asked)
    assert "acknowledged" == acknowledged["status"]
    assert [] != [one for one in warnings if "alert.slack.template_path: is no Jinja2 template (a Go template?)" in one]


async def test_with_addresses_and_a_short_wait_its_message_arrives_and_its_page(
    stack: Endpoints, tmp_path: Path, config: str
) -> None:
    """Nothing else is changed: the message has the built-in words and the link, and the page the key of that name."""
    config = config.replace("wait_minutes: 3\n", "wait_minutes: 0.03\n")
    config = config.replace("    token:", '    api_url: "@sandbox/slack/api"\n    token:')
    config = config.replace("    routing_key:", '    events_url: "@sandbox/pagerduty"\n    routing_key:')
    async with a_seeded_world(tmp_path, config, stack, "http://127.0.0.1:1") as world:
        await world.up()
        title = named("Seed")
        answer = await world.post(alert(title), pagerduty_other_routing_key="db")
        message = await world.message(title)
        page = await world.page(answer["incident_id"])

    assert CHANNEL == message.channel
    assert f"*{title}*" in str(message.blocks)
    assert answer["ack_url"] in message.links
    assert "db" == page.key_name
