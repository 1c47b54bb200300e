"""The sandbox as something to start, to wait for, to look at and to stop; and its command in a process of its own."""

import asyncio
import re
import signal
import sys
import time

from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox.server import Sandbox
from sandbox.slack import TOKEN


BEARER = {"Authorization": f"Bearer {TOKEN}"}
MESSAGE = {"channel": "C0OPS", "text": "Disk full"}
TRIGGER = {
    "routing_key": "d" * 32,
    "event_action": "trigger",
    "payload": {"summary": "Disk full", "source": "db-1", "severity": "critical"},
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as started:
        yield started


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox.url, timeout=5) as opened:
        yield opened


async def run_main(port: int) -> Process:
    program = f"import sys; from sandbox.server import main; sys.exit(main({port}))"
    return await create_subprocess_exec(sys.executable, "-c", program, stdout=PIPE, stderr=PIPE)


async def test_the_page_runs_its_own_script_and_no_other(client: httpx.AsyncClient) -> None:
    """Alert text is other people's: the policy names the page's script by hash, and the page loads nothing."""
    page = await client.get("/")

    policy = page.headers["content-security-policy"]
    assert page.headers["content-type"].startswith("text/html")
    assert re.findall(r"(?:default|script)-src [^;]*", policy)[0] == "default-src 'none'"
    assert "'unsafe" not in policy
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|src=", page.text) == []


async def test_waiting_tells_what_came_instead(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """A test that fails should not have to be run again to learn what happened."""
    await client.post("/slack/api/chat.postMessage", json=MESSAGE, headers=BEARER)
    await client.post("/pagerduty/v2/enqueue", json=TRIGGER | {"payload": {}})

    with pytest.raises(TimeoutError, match=r"the page(.|\n)*Disk full(.|\n)*payload\.summary"):
        await sandbox.wait_for(lambda: sandbox.pagerduty_incidents, 0.05, "the page")


async def test_waiting_gives_what_was_waited_for(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """So that a test can go on with it."""
    sending = asyncio.create_task(client.post("/pagerduty/v2/enqueue", json=TRIGGER))

    (incident,) = await sandbox.wait_for(lambda: sandbox.pagerduty_incidents, 5, "the page")

    assert incident.summary == "Disk full"
    await sending


async def test_the_url_of_a_call_is_kept_and_not_shown(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """Whoever puts a key into a URL is found out, and the key is not spread any further by that."""
    key = "k" * 32
    await client.post(f"/pagerduty/v2/enqueue?routing_key={key}", json=TRIGGER)
    await client.post(f"/slack/api/chat.postMessage?token={key}", json=MESSAGE, headers=BEARER)

    paths = ["slack/calls", "pagerduty/calls", "view"]
    shown = [(await client.get(f"/control/{path}")).text for path in paths]

    assert [True, True] == [key in call.url for call in (*sandbox.slack.calls, *sandbox.pagerduty.calls)]
    assert [False, False, False] == [key in text for text in shown]


async def test_signals_stay_with_whoever_had_them() -> None:
    """A sandbox inside of a test or the demo must not take Ctrl-C away from it."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    async with Sandbox():
        during = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    assert during == before


async def test_stopping_does_not_wait_for_a_call_that_hangs() -> None:
    """A fault left standing at the end of a test must not hold it up."""
    async with httpx.AsyncClient(timeout=10) as client:
        async with Sandbox() as stopped:
            stopped.slack.fail("hang")
            waiting = asyncio.create_task(client.post(f"{stopped.slack_api_url}/auth.test", headers=BEARER))
            await stopped.wait_for(lambda: stopped.slack.calls, 5, "the call")
            began = time.monotonic()

        with pytest.raises(httpx.TransportError):
            await waiting
        assert time.monotonic() - began < 2


async def test_a_port_that_is_taken_is_told_with_what_to_do(sandbox: Sandbox) -> None:
    """The command ends with 1 and a sentence, not with a traceback."""
    process = await run_main(int(sandbox.url.rpartition(":")[2]))

    _, said = await process.communicate()

    assert process.returncode == 1
    assert re.fullmatch(r"The sandbox cannot listen on .*Choose another --port\.\n", said.decode())


async def test_the_command_says_where_it_is_and_ends_when_it_is_told_to() -> None:
    """What it prints is what goes into a config file, and SIGTERM is an end like any other."""
    process = await run_main(0)
    assert process.stdout
    said = [(await process.stdout.readline()).decode() for _ in range(4)]
    url = said[0].split()[-1]

    async with httpx.AsyncClient(timeout=5) as client:
        answer = await client.post(f"{url}/slack/api/auth.test", headers=BEARER)
    process.send_signal(signal.SIGTERM)

    assert answer.json()["ok"]
    assert said[3] == f"  alert.slack.api_url: {url}/slack/api\n"
    assert await process.wait() == 0
