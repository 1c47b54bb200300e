"""A real Alertmanager with the receivers of the document that users come from, word for word but for the host.

It is Debian's `prometheus-alertmanager`; where that is not installed the tests say so, and in CI they fail.
"""

import contextlib
import os
import shutil
import signal
import subprocess

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from ackline.child import dies_with_parent
from ackline.local_stack import Endpoints
from ackline.local_stack.ports import choose_ports
from streams.records.identity import source_key_of
from streams.topics import Topic
from tests.acceptance.secrecy import leaks
from tests.acceptance.world import BODY, World, a_world, end, named
from tests.log import everything_in


SEED = Path(__file__).parents[1] / "data" / "seed" / "alertmanager.yml"
PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
MISSING = "no Alertmanager on this machine: `apt-get install prometheus-alertmanager`"
FIVE_MINUTES = timedelta(minutes=5)


class Alertmanager:
    """A running one, and how alerts get into it: as from Prometheus, through its API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    async def fire(self, name: str, **labels: str) -> None:
        """An alert fires."""
        await self._push(name, labels, {})

    async def resolve(self, name: str, **labels: str) -> None:
        """It does no longer."""
        await self._push(name, labels, {"endsAt": datetime.now(UTC).isoformat()})

    async def _push(self, name: str, labels: dict[str, str], more: dict[str, Any]) -> None:
        labels = {"alertname": name, "service": "shop", "instance": "shop-1:9100", **labels}
        alert = {"labels": labels, "annotations": {"description": BODY}, **more}
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            (await client.post("/api/v2/alerts", json=[alert])).raise_for_status()


@pytest.fixture(scope="module")
def program() -> str:
    """The program. Its absence is told, and is a failure where nobody would read it."""
    if PROGRAM is None and os.environ.get("CI"):
        pytest.fail(MISSING)
    if PROGRAM is None:
        pytest.skip(MISSING)
    return PROGRAM


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(program: str, stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(stack, tmp_path_factory.mktemp("world")) as world:
        await world.up()
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alertmanager(
    program: str, world: World, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Alertmanager]:
    port, directory = choose_ports(["alertmanager"], {})["alertmanager"], tmp_path_factory.mktemp("alertmanager")
    config = directory / "alertmanager.yml"
    config.write_text(yaml.safe_dump(config_for(world)))
    process = start(program, config, port)
    try:
        running = Alertmanager(port)
        await world.until(lambda: is_ready(running), f"Alertmanager runs, see {directory / 'log'}")
        yield running
    finally:
        end(process)


def config_for(world: World) -> dict[str, Any]:
    """The document's receivers and routes, their host replaced, and two receivers that hear of resolved alerts."""
    config: dict[str, Any] = yaml.safe_load(SEED.read_text().replace("http://versus-service:3000", world.url))
    # Word for word but for the host: 5 minutes stay 5 minutes.
    assert "?oncall_wait_minutes=5" in str(config)
    # Every second Alertmanager says again what still fires, and who has resolved.
    route = config["route"] | {"group_wait": "100ms", "group_interval": "1s", "repeat_interval": "1s"}
    for name, minutes in (("soon", 0.1), ("at-once", 0)):
        url = f"{world.url}/api/incidents?oncall_wait_minutes={minutes}"
        config["receivers"].append({"name": name, "webhook_configs": [{"url": url, "send_resolved": True}]})
        route["routes"].append({"match": {"tells": name}, "receiver": name})
    return config | {"route": route}


def start(program: str, config: Path, port: int) -> subprocess.Popen[bytes]:
    """Run Alertmanager, alone and with its data beside its config."""
    options = [f"--config.file={config}", f"--storage.path={config.parent}", "--cluster.listen-address="]
    with (config.parent / "log").open("wb") as log:
        return subprocess.Popen(
            [program, *options, f"--web.listen-address=127.0.0.1:{port}"],
            stderr=log,
            preexec_fn=dies_with_parent(signal.SIGKILL),  # noqa: PLW1509
        )


async def is_ready(alertmanager: Alertmanager) -> bool:
    with contextlib.suppress(httpx.TransportError):
        async with httpx.AsyncClient(base_url=alertmanager.url, trust_env=False) as client:
            return (await client.get("/-/ready")).status_code == 200
    return False


async def incident_of(world: World, name: str) -> dict[str, Any]:
    """What the API says about the one incident with this title, as soon as it knows it."""

    async def found() -> list[dict[str, Any]]:
        listed = (await world.client.get("/api/incidents")).json()["incidents"]
        return [one for one in listed if one["title"] == name]

    incidents: list[dict[str, Any]] = await world.until(found, f"the API knows {name}")
    assert 1 == len(incidents)
    return incidents[0]


async def repeats(world: World, incident_id: str, count: int) -> None:
    """Wait until Alertmanager has said it again so often."""

    async def heard() -> bool:
        key = str(source_key_of(incident_id)).encode()
        return count < sum(record.key == key for record in await everything_in(world.settings, Topic.ALERTS))

    await world.until(heard, f"{incident_id} is repeated {count} times")


async def test_no_on_call_is_told_once_and_never_paged(world: World, alertmanager: Alertmanager) -> None:
    """`oncall_enable=false`: a message without an ACK link, and one only, however often Alertmanager repeats itself."""
    name = named("Warning")
    await alertmanager.fire(name, severity="warning")
    message = await world.message(name)
    incident = await incident_of(world, name)
    await repeats(world, incident["incident_id"], 2)

    assert "open" == incident["state"]
    assert [] == [link for link in message.links if "/ack/" in link]
    assert [message] == world.messages(name)
    assert [] == world.pages(incident["incident_id"])


async def test_with_ack_waits_five_minutes_and_an_ack_ends_the_wait(world: World, alertmanager: Alertmanager) -> None:
    """`oncall_wait_minutes=5`: the message has the link, and whoever follows it has the incident."""
    name = named("Critical")
    await alertmanager.fire(name, severity="critical")
    message = await world.message(name)
    incident = await incident_of(world, name)
    wait = datetime.fromisoformat(incident["due_at"]) - datetime.fromisoformat(incident["opened_at"])
    told = await world.ack(next(link for link in message.links if "/ack/" in link))
    await world.until_state(incident["incident_id"], "acknowledged")

    assert FIVE_MINUTES == wait
    assert "acknowledged" == told["status"]
    assert [] == world.pages(incident["incident_id"])


async def test_immediate_is_paged_at_once_with_the_default_key(world: World, alertmanager: Alertmanager) -> None:
    """`oncall_wait_minutes=0`, and once: its repeats page nobody again."""
    name = named("Urgent")
    await alertmanager.fire(name, severity="urgent")
    incident = await incident_of(world, name)
    page = await world.page(incident["incident_id"])
    await repeats(world, incident["incident_id"], 2)

    assert "default" == page.key_name
    assert name in page.summary
    assert (1, 1) == (len(world.pages(incident["incident_id"])), page.triggers)
    assert 1 == len(world.messages(name))


async def test_the_infra_receiver_pages_with_the_key_of_that_name(world: World, alertmanager: Alertmanager) -> None:
    """`pagerduty_other_routing_key=infra`, after the configured wait."""
    name = named("Switch")
    await alertmanager.fire(name, team="infrastructure")
    incident = await incident_of(world, name)
    page = await world.page(incident["incident_id"])

    assert "infra" == page.key_name
    assert "infra" == incident["pagerduty_routing_key_name"]


async def test_what_resolves_before_its_deadline_pages_nobody(world: World, alertmanager: Alertmanager) -> None:
    """`send_resolved: true`: Alertmanager says that it is over, and the deadline passes in silence."""
    name = named("Blip")
    await alertmanager.fire(name, tells="soon")
    incident = await incident_of(world, name)
    await alertmanager.resolve(name, tells="soon")
    resolved = await world.until_state(incident["incident_id"], "resolved")
    due = datetime.fromisoformat(incident["due_at"])
    await world.until(lambda: datetime.now(UTC) > due + timedelta(seconds=1), "the deadline has passed")

    assert datetime.fromisoformat(resolved["resolved_at"]) < due
    assert [] == world.pages(incident["incident_id"])


async def test_what_resolves_after_its_page_is_resolved_in_pagerduty(world: World, alertmanager: Alertmanager) -> None:
    """The page's own incident, through the same key; and its Slack message says so."""
    name = named("Outage")
    await alertmanager.fire(name, tells="at-once")
    incident = await incident_of(world, name)
    page = await world.page(incident["incident_id"])
    await alertmanager.resolve(name, tells="at-once")
    await world.until(lambda: page.resolved_at_ms, "PagerDuty's incident is resolved")
    message = await world.message(name)
    await world.until(lambda: "Resolved at" in str(message.blocks), "the message says so")

    assert [page] == world.pages(incident["incident_id"])


async def test_a_repeat_makes_no_second_message_and_no_second_page(world: World, alertmanager: Alertmanager) -> None:
    """Nor does it undo an ACK."""
    name = named("Repeated")
    await alertmanager.fire(name, tells="soon")
    message = await world.message(name)
    incident = await incident_of(world, name)
    await world.ack(next(link for link in message.links if "/ack/" in link))
    await repeats(world, incident["incident_id"], 2)

    assert [message] == world.messages(name)
    assert "acknowledged" == (await world.incident(incident["incident_id"]))["state"]
    assert [] == world.pages(incident["incident_id"])


async def test_after_all_of_this_no_secret_is_anywhere(world: World) -> None:
    """Nor a signed link or the words of an alert in a log."""
    assert set() == await leaks(world)
