"""Runs the demo's pipeline: the stand-ins in this process, every role in one of its own, under `up`'s supervision.

What the roles log goes to files, and not between the lines of the story.
"""

import asyncio
import contextlib
import os
import time

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil

from ackline.configuration import load_with
from ackline.demo.report import Report
from ackline.demo.settings import KEYS, write_config
from ackline.demo.world import World
from ackline.local_stack import LocalStack
from ackline.local_stack.ports import choose_ports
from ackline.logs import configure_logs, secrets_of
from ackline.roles import ROLES, stop_on_signals
from ackline.supervise import Command, supervise
from ackline.topics_admin import ensure_topics
from ackline.up import role_commands
from sandbox.server import Sandbox


INGEST_PORT = 3000
SANDBOX_PORT = 3080
READY_SECONDS = 60.0
_POLL_SECONDS = 0.05

Play = Callable[[World], Awaitable[None]]


class NotReady(Exception):  # noqa: N818  # It says what it is.
    """A role has not come up in time; the message names it and says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Place:
    """The demo's own directory below the state directory. For whoever holds that."""

    state_dir: Path

    @property
    def home(self) -> Path:
        """The config, the logs and the tables."""
        return self.state_dir / "demo"

    @property
    def config(self) -> Path:
        """What the roles are given."""
        return self.home / "config.yaml"

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.home / "logs"

    def begin_logs(self) -> None:
        """Begin with empty logs, and write ours among them."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for file in self.logs.glob("*.log"):
            file.unlink()
        self.log_to_file([])

    def log_to_file(self, secrets: Sequence[str]) -> None:
        """Write our own log beside the others', for as long as this process lives."""
        configure_logs("demo", secrets, sink=(self.logs / "demo.log").open("a"))


async def run_pipeline(place: Place, stack: LocalStack, report: Report, play: Play) -> None:
    """Play on a running pipeline, until the play is over or we are told to stop; then stop everything.

    Raises:
        TopicsError: the topics could not be created.
        SupervisionError: a role cannot live.
        NotReady: a role did not come up in time.
        Unexpected: the first alert did not come through.
    """
    port = choose_ports(["sandbox"], {"sandbox": SANDBOX_PORT})["sandbox"]
    async with Sandbox(port=port, keys=KEYS, only_known_keys=True) as sandbox:
        report.line(f"✓ stand-ins for Slack and PagerDuty: {sandbox.url}")
        ports = _ports(sandbox_has_its_own=port == SANDBOX_PORT)
        write_config(place.config, ports["ingest"], sandbox)
        settings = load_with(place.config, stack.endpoints).settings
        place.log_to_file(secrets_of(settings))
        await ensure_topics(settings.kafka)
        stop = stop_on_signals()
        async with httpx.AsyncClient(base_url=settings.public_host, trust_env=False, timeout=20) as client:
            world = World(sandbox, settings, client, report.step, (place.logs, place.state_dir / "logs"))
            playing = asyncio.create_task(_played(world, ports, report, play))
            supervision = asyncio.create_task(
                supervise(_commands(place, ports), stop, environ=_environ(stack), stack=stack)
            )
            await _until_over(playing, supervision, stop, report)


async def _until_over(
    playing: asyncio.Task[None], supervision: asyncio.Task[None], stop: asyncio.Event, report: Report
) -> None:
    """Whichever ends first ends the other; what was wrong with either is raised when both have ended."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({playing, supervision, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    report.heading("Stopping …")
    playing.cancel()
    ended = await asyncio.gather(supervision, playing, return_exceptions=True)
    for problem in ended:
        if isinstance(problem, Exception):
            raise problem


async def _played(world: World, ports: dict[str, int], report: Report, play: Play) -> None:
    began = time.monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            for role in ROLES:
                group.create_task(_until_ready(world.http, role, ports[role], report))
    except* NotReady as problems:
        raise problems.exceptions[0] from None
    await world.watchdog()
    report.line(f"✓ a first alert has reached Slack and PagerDuty, {time.monotonic() - began:.1f} s after the start")
    await play(world)


async def _until_ready(client: httpx.AsyncClient, role: str, port: int, report: Report) -> None:
    url, began, said = f"http://127.0.0.1:{port}/readyz", time.monotonic(), "it has not answered yet"
    while (seconds := time.monotonic() - began) < READY_SECONDS:
        with contextlib.suppress(httpx.TransportError):
            answer = await client.get(url)
            if not _is_ours(port):
                raise NotReady(f"another program has taken port {port} before {role} could; start the demo again")
            if answer.status_code == httpx.codes.OK:
                report.line(f"✓ {role} is ready after {seconds:.1f} s")
                return
            said = answer.text
        await asyncio.sleep(_POLL_SECONDS)
    raise NotReady(f"{role} is not ready after {READY_SECONDS:g} s: {said}")


def _is_ours(port: int) -> bool:
    """Whether a process that we have started listens there. Alerts of a demo must not get to a real pipeline."""
    with contextlib.suppress(psutil.Error):
        sockets = [each for child in psutil.Process().children() for each in child.net_connections("tcp")]
        return any(each.laddr.port == port and each.status == psutil.CONN_LISTEN for each in sockets)
    return False


def _ports(*, sandbox_has_its_own: bool) -> dict[str, int]:
    """Where each role listens. Its health, for all but ingest.

    Of two demos that start at the same moment, only that which got the sandbox's port may take ingest's.
    """
    return choose_ports(ROLES, {"ingest": INGEST_PORT} if sandbox_has_its_own else {})


def _commands(place: Place, ports: dict[str, int]) -> list[Command]:
    return [
        replace(
            command,
            arguments=[*command.arguments, *_health(command.name, ports)],
            log_file=place.logs / f"{command.name}.log",
        )
        for command in role_commands(place.config, place.home)
    ]


def _health(role: str, ports: dict[str, int]) -> list[str]:
    # ingest has its own routes for it.
    return [] if role == "ingest" else ["--health-port", str(ports[role])]


def _environ(stack: LocalStack) -> dict[str, str]:
    """The roles' environment: where Kafka and Redis are, and no proxy on the way to the stand-ins."""
    direct = ",".join(filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy")), "127.0.0.1"]))
    return {**os.environ, **stack.endpoints.environ(), "NO_PROXY": direct, "no_proxy": direct}
