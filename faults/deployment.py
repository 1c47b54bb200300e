"""A pipeline of its own for each row, run as `ackline up` runs it: every role in a process of its own, under supervision.

What they say goes to files. Nothing of it outlives the row, nor this process.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from ackline.child import dies_with_parent
from ackline.local_stack.ports import LOOPBACK, choose_ports
from ackline.roles import ROLES
from ackline.supervise import Command, SupervisionError, supervise
from ackline.topics_admin import ensure_topics
from ackline.up import role_commands
from config.load import load
from config.settings import Settings
from faults.clock import WallClock
from faults.plan import CHANNELS, KEYS
from faults.servers import Servers
from faults.way import Tls, Way
from sandbox.server import Sandbox
from sandbox.slack import TOKEN


PARTITIONS = 4
READY_SECONDS = 60.0
_POLL_SECONDS = 0.1


class NotInTime(Exception):  # noqa: N818  # It says what it is.
    """Something that must come did not; the message says what."""


class Surroundings(Enum):
    """What lies between the pipeline and the world."""

    PLAIN = auto()
    """Nothing."""
    WAY_TO_REDIS = auto()
    """Redis is reached by a `Way`."""
    TLS = auto()
    """Slack and PagerDuty are reached by a `Way`, with https."""
    CLOCK = auto()
    """All processes have a `WallClock`."""


@dataclass(slots=True)
class _Kept:
    """A role under supervision."""

    command: Command
    port: int
    stop: asyncio.Event
    task: asyncio.Task[None]


@dataclass(slots=True)
class Deployment:
    """A pipeline that runs, and what may be done to its processes."""

    home: Path
    servers: Servers
    sandbox: Sandbox
    settings: Settings
    http: httpx.AsyncClient
    environ: dict[str, str]
    way: Way | None = None
    """What `Surroundings` gave."""
    clock: WallClock | None = None
    problems: list[str] = field(default_factory=list)
    """What went wrong with the running of it."""
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _extra: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(2))

    @property
    def config(self) -> Path:
        """What the roles are given."""
        return self.home / "config.yaml"

    def keep(self, role: str) -> None:
        """Run a role, again and again."""
        port = choose_ports([role], {})[role]
        (command,) = [each for each in role_commands(self.config, self.home) if each.name == role]
        health = [] if role == "ingest" else ["--health-port", str(port)]
        command = replace(command, arguments=[*command.arguments, *health], log_file=self.home / f"{role}.log")
        stop = asyncio.Event()
        task = asyncio.create_task(supervise([command], stop, environ=self.environ))
        self._kept[role] = _Kept(command, self.settings.port if role == "ingest" else port, stop, task)

    async def let_go(self, role: str) -> None:
        """Stop a role as a machine that is shut down does: SIGTERM, and it ends when it has done what it began."""
        kept = self._kept.pop(role)
        kept.stop.set()
        try:
            await kept.task
        except SupervisionError as problem:
            self.problems.append(str(problem))

    async def lose(self, role: str) -> None:
        """Kill -9 of a role that is not to come back by itself."""
        kept = self._kept[role]
        kept.stop.set()
        await self.signal(role, signal.SIGKILL)
        await self.let_go(role)

    async def renew(self, role: str) -> None:
        """Give a role a supervisor that remembers no deaths. Ours are many, and each makes it wait longer."""
        await self.let_go(role)
        self.keep(role)

    async def signal(self, role: str, how: signal.Signals) -> int:
        """Send a role a signal, as soon as it runs; the id of its process."""
        process = await self.until(lambda: self._process(role), f"{role} runs")
        process.send_signal(how)
        return int(process.pid)

    async def until_another(self, role: str, pid: int) -> None:
        """Until a role runs in another process than that one."""
        await self.until(lambda: self._pid(role) not in {None, pid}, f"{role} is started again")

    async def until_ready(self, role: str, not_pid: int | None = None) -> None:
        """Until a role says that it is ready, in another process than that one."""

        async def is_ready() -> bool:
            if not_pid is not None and (self._process(role) is None or self._pid(role) == not_pid):
                return False
            with contextlib.suppress(httpx.TransportError):
                answer = await self.http.get(f"http://127.0.0.1:{self._kept[role].port}/readyz", timeout=5)
                return answer.status_code == httpx.codes.OK
            return False

        await self.until(is_ready, f"{role} is ready")

    def start_another(self, role: str) -> subprocess.Popen[bytes]:
        """One more process of a role, beside the supervised one; nobody starts it again."""
        number = next(self._numbers)
        (command,) = [each for each in role_commands(self.config, self.home / f"{role}-{number}") if each.name == role]
        with (self.home / f"{role}-{number}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  # our own command
                command.arguments, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=dies_with_parent(signal.SIGKILL),  # noqa: PLW1509  # takes no lock
            )  # fmt: skip
        self._extra.append(process)
        return process

    async def command(self, *arguments: str) -> None:
        """Run a command of ours that must succeed."""
        code, said, complained = await self.said(*arguments)
        if code:
            self.problems.append(f"ackline {' '.join(arguments)}: exit code {code}: {said}{complained}")

    async def said(self, *arguments: str, config: Path | None = None) -> tuple[int | None, str, str]:
        """The exit code of a command of ours, and what it has written to stdout and stderr."""
        options = ["--config", str(config or self.config), "--state-dir", str(self.home)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "ackline", *arguments, *options,
            env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        said, complained = await process.communicate()
        return process.returncode, said.decode(), complained.decode()

    async def until(self, condition: Callable[[], object], what: str, seconds: float = READY_SECONDS) -> Any:
        """The first true answer of a condition."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            self._see_that_it_lives()
            if asyncio.get_running_loop().time() > deadline:
                raise NotInTime(f"not within {seconds:g} s: {what}")
            await asyncio.sleep(_POLL_SECONDS)

    async def close(self) -> None:
        """End all of it at once; it is not what is tested."""
        for role, kept in self._kept.items():
            kept.stop.set()
            if process := self._process(role):
                process.kill()
        for extra in self._extra:
            extra.kill()
            await asyncio.to_thread(extra.wait)
        for problem in await asyncio.gather(*[kept.task for kept in self._kept.values()], return_exceptions=True):
            if problem is not None:
                self.problems.append(str(problem))

    def _see_that_it_lives(self) -> None:
        for role, kept in self._kept.items():
            if kept.task.done():
                raise NotInTime(f"the supervision of {role} has ended: {kept.task.exception()}")

    def _process(self, role: str) -> psutil.Process | None:
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                line = child.cmdline()
                if role in line and str(self.home) in line and str(self.config) in line:
                    return child
        return None

    def _pid(self, role: str) -> int | None:
        process = self._process(role)
        return process.pid if process else None


@contextlib.asynccontextmanager
async def deployed(
    home: Path, servers: Servers, surroundings: Surroundings, **sections: Any
) -> AsyncIterator[Deployment]:
    """A pipeline that is ready. `sections` change its config, merged one level deep."""
    await asyncio.to_thread(home.mkdir, parents=True)
    async with contextlib.AsyncExitStack() as held:
        sandbox = await held.enter_async_context(Sandbox(keys=KEYS, only_known_keys=True))
        way = _way(surroundings, home, servers, sandbox)
        if way:
            await held.enter_async_context(way.served())
        clock = WallClock(home / "clock") if surroundings is Surroundings.CLOCK else None
        config = home / "config.yaml"
        config.write_text(yaml.safe_dump(_config(home.name, servers, sandbox, way, sections), sort_keys=False))
        environ = {**os.environ, **servers.endpoints.environ(), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        environ |= clock.environ if clock else {}
        environ |= {"SSL_CERT_FILE": str(way.tls.trusted)} if way and way.tls else {}
        settings = load(config, environ).settings
        await ensure_topics(settings.kafka)
        http = await held.enter_async_context(_client(settings))
        deployment = Deployment(home, servers, sandbox, settings, http, environ, way, clock)
        try:
            for role in ROLES:
                deployment.keep(role)
            for role in ROLES:
                await deployment.until_ready(role)
            yield deployment
        finally:
            await deployment.close()


def _way(surroundings: Surroundings, home: Path, servers: Servers, sandbox: Sandbox) -> Way | None:
    if surroundings is Surroundings.WAY_TO_REDIS:
        return Way(servers.endpoints.redis_host or LOOPBACK, servers.endpoints.redis_port or 0)
    if surroundings is Surroundings.TLS:
        return Way(LOOPBACK, int(sandbox.url.rpartition(":")[2]), Tls(home))
    return None


def _client(settings: Settings) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=settings.public_host, trust_env=False, timeout=15, limits=limits)


def _config(name: str, servers: Servers, sandbox: Sandbox, way: Way | None, sections: dict[str, Any]) -> dict[str, Any]:
    port = choose_ports(["ingest"], {})["ingest"]
    is_tls = way is not None and way.tls is not None
    destinations = f"https://{LOOPBACK}:{way.port}" if way and is_tls else sandbox.url
    redis_port = way.port if way and not is_tls else servers.endpoints.redis_port
    values: dict[str, Any] = {
        "host": LOOPBACK,
        "port": port,
        "public_host": f"http://{LOOPBACK}:{port}",
        # No notes: every message in Slack is about an alert of the load.
        "alert": {"slack": {"token": TOKEN, "channel_id": CHANNELS[0], "dead_letter_notes": False,
                            "api_url": sandbox.slack_api_url.replace(sandbox.url, destinations)}},
        "oncall": {
            "wait_minutes": 0.1,
            "pagerduty": {
                "routing_key": KEYS["default"],
                "other_routing_keys": {each: key for each, key in KEYS.items() if each != "default"},
                "events_url": sandbox.pagerduty_url.replace(sandbox.url, destinations),
            },
        },
        "ack": {"signing_key": "a-signing-key-for-the-faults-0123456789"},
        "redis": {"host": servers.endpoints.redis_host, "port": redis_port,
                  "password": "${REDIS_PASSWORD}", "key_prefix": f"{name}:"},
        "kafka": {"bootstrap_servers": servers.endpoints.bootstrap_servers, "topic_prefix": f"{name}.",
                  "partitions": PARTITIONS},
    }  # fmt: skip
    for section, change in sections.items():
        values[section] = {**values[section], **change}
    return values
