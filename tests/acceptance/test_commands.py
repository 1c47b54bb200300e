"""The commands as a newcomer meets them: installed, from a directory of their own, one after the other."""

import asyncio
import json
import signal
import subprocess

from pathlib import Path

import httpx
import pytest

from ackline.local_stack import Endpoints
from ackline.topic_access import write
from streams.topics import Topic, topic_name
from tests.acceptance.world import ACKLINE, World, a_world, alert, named


COMMANDS = [
    "demo", "up", "ingest", "streams", "notifiers", "projection", "reconciler", "check", "topics", "dead-letters",
    "export", "import", "rebuild", "sandbox",
]  # fmt: skip


async def ackline(world: World, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, as somebody does who sits in the deployment's directory and gives no options."""
    return await asyncio.to_thread(
        subprocess.run,
        [ACKLINE, *arguments],
        cwd=world.directory,
        env=world.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_from_nothing_to_the_first_page(stack: Endpoints, tmp_path: Path) -> None:
    """The config where it is looked for: check it, create the topics, check again, start, and somebody is paged."""
    async with a_world(stack, tmp_path) as world:
        unready = await ackline(world, "check")
        shown = await ackline(world, "topics")
        applied = await ackline(world, "topics", "--apply")
        ready = await ackline(world, "check")
        await world.up()
        answer = await world.post(alert(named("First")))
        await world.page(answer["incident_id"])

    assert [1, 1, 0, 0] == [done.returncode for done in (unready, shown, applied, ready)]
    assert "`ackline topics --apply` creates them" in unready.stdout
    assert 11 == shown.stdout.count("missing; --apply creates it")
    assert 11 == applied.stdout.count("as it should be")
    assert "✓ config/config.yaml is valid" in ready.stdout


async def test_what_could_not_be_used_is_told_listed_and_shown(stack: Endpoints, tmp_path: Path) -> None:
    """Slack says that there is something, and the commands what it is; what is still unusable is not written back."""
    async with a_world(stack, tmp_path) as world:
        await world.up()
        await write(world.settings.kafka, topic_name(world.settings.kafka.topic_prefix, Topic.ALERTS), b"{no json")
        note = await world.message("put aside as dead letters")
        listed = await ackline(world, "dead-letters", "list")
        place = listed.stdout.splitlines()[1].split()[0]
        shown = await ackline(world, "dead-letters", "show", place)
        retried = await ackline(world, "dead-letters", "retry", place, "--yes")

    assert "1 record was put aside as dead letters: 1 from alerts." in note.text
    assert [0, 0, 1] == [done.returncode for done in (listed, shown, retried)]
    assert "JSON is malformed" in listed.stdout
    assert shown.stdout.endswith("value      8 bytes, no JSON\n\n{no json\n")
    assert f"{place}  not written back: it is still unusable" in retried.stderr


async def test_without_a_config_it_says_where_one_is_looked_for(stack: Endpoints, tmp_path: Path) -> None:
    """In one line, and the file is named."""
    async with a_world(stack, tmp_path) as world:
        world.config.unlink()
        checked, started = await ackline(world, "check"), await ackline(world, "up")

    assert "✗ config/config.yaml: there is no such file; check the path\n" == checked.stdout
    assert "config/config.yaml: there is no such file; check the path" == json.loads(started.stderr)["problem"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_says_how_it_is_used(command: str) -> None:
    """By its installed name, with a sentence of what it does."""
    done = subprocess.run([ACKLINE, command, "--help"], capture_output=True, text=True, check=True, timeout=30)

    assert f"Usage: ackline {command} " in done.stdout
    assert done.stdout.splitlines()[2].startswith("  ")
    assert done.stdout.splitlines()[2].strip().endswith((".", ","))


async def test_the_sandbox_alone_serves_its_page_and_stops_when_told(tmp_path: Path) -> None:
    """It prints its address, takes a Slack call and a page, shows both, and ends with 0."""
    with subprocess.Popen([ACKLINE, "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True) as sandbox:  # noqa: ASYNC220
        try:
            assert sandbox.stdout is not None
            url = (await asyncio.to_thread(sandbox.stdout.readline)).split()[-1]
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                shown = await client.get("/")
                posted = await client.post(
                    "/slack/api/chat.postMessage",
                    json={"channel": "C1", "text": "hello"},
                    headers={"Authorization": "Bearer xoxb-sandbox"},
                )
                messages = (await client.get("/control/slack/messages")).json()["messages"]
        finally:
            sandbox.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(sandbox.wait, 10)

    assert (200, True) == (shown.status_code, posted.json()["ok"])
    assert ["hello"] == [message["text"] for message in messages]
    assert 0 == code
