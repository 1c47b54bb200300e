"""Keeps processes running: starts them again when they die or hang, stops them together, and outlives none of them.

A process that ends for a reason that no restart can mend (its configuration, or five short lives in a row) ends them
all: a pipeline that lacks a part would look alive while pages are missed.
"""

import asyncio
import contextlib
import signal
import time

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
import structlog

from ackline.child import dies_with_parent
from ackline.exits import EXIT_CONFIG
from ackline.liveness import Patience
from ackline.local_stack import LocalStack
from ackline.local_stack.ports import LOOPBACK, choose_ports
from ackline.restarts import Restarts


STOP_SECONDS = 20.0
"""How long a process has to finish what it began."""

STUCK_STOP_SECONDS = 5.0
"""What is stuck seldom finishes anything, and its work waits for it: killed, it loses nothing."""

_POLL_SECONDS = 0.5
_ASK_SECONDS = 1.0
_FIRST_ASK_SECONDS = 0.2
_ANSWER_SECONDS = 3.0
_HEALTH_PORT = "--health-port"

log = structlog.get_logger("ackline.up")


class SupervisionError(Exception):
    """A process cannot live; the message names it and its exit code."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to keep running."""

    name: str
    arguments: Sequence[str]
    log_file: Path | None = None
    """Gets all that it writes, at its end. None: it writes where we do."""
    tells_health: bool = False
    """It takes `--health-port`, and is started anew when it says there, by /healthz or by silence, that it is stuck."""


async def supervise(
    commands: Sequence[Command],
    stop: asyncio.Event,
    *,
    environ: Mapping[str, str],
    stack: LocalStack | None = None,
) -> None:
    """Run them all until `stop` is set, and return when all have ended.

    Raises:
        SupervisionError: one of them cannot live; the others have been stopped.
    """
    try:
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(_keep_alive(command, stop, environ)) for command in commands]
            if stack:
                keepers.append(group.create_task(_keep_stack_alive(stack, stop)))
    except* SupervisionError as hopeless:
        raise hopeless.exceptions[0] from None


async def _keep_alive(command: Command, stop: asyncio.Event, environ: Mapping[str, str]) -> None:
    restarts = Restarts()
    while not stop.is_set():
        started = time.monotonic()
        code = await _one_life(command, stop, environ)
        if stop.is_set():
            return
        restarts = restarts.after_life_of(time.monotonic() - started)
        log.warning("process_died", process=command.name, exit_code=code, restart_in_seconds=restarts.pause_seconds)
        if code == EXIT_CONFIG:
            raise SupervisionError(f"{command.name} cannot work with this configuration; see what it said above")
        if restarts.is_hopeless:
            raise SupervisionError(f"{command.name} died {restarts.short_lives} times in a row, last with code {code}")
        await _wait(stop, restarts.pause_seconds)


async def _one_life(command: Command, stop: asyncio.Event, environ: Mapping[str, str]) -> int:
    """Start the process and wait for its end, which we bring about when we are to stop or are cancelled."""
    arguments, port = _with_health_port(command)
    process = await _start(command, arguments, environ)
    log.info("process_started", process=command.name, pid=process.pid)
    ended, stopped = asyncio.ensure_future(process.wait()), asyncio.ensure_future(stop.wait())
    # Without a port it is stuck never.
    stuck = asyncio.ensure_future(_stuck(command.name, port) if port else asyncio.Event().wait())
    seconds = STOP_SECONDS
    try:
        await asyncio.wait({ended, stopped, stuck}, return_when=asyncio.FIRST_COMPLETED)
        if stuck.done() and not ended.done():
            seconds = STUCK_STOP_SECONDS
    finally:
        for watching in (stopped, stuck):
            watching.cancel()
        await _end(process, seconds)
    return await ended


def _with_health_port(command: Command) -> tuple[Sequence[str], int | None]:
    """What to start it with, and where it will tell its health: where it is told to already, or else on a new port."""
    if not command.tells_health:
        return command.arguments, None
    if _HEALTH_PORT in command.arguments:
        return command.arguments, int(command.arguments[command.arguments.index(_HEALTH_PORT) + 1])
    port = choose_ports([command.name], {})[command.name]
    return [*command.arguments, _HEALTH_PORT, str(port), "--health-host", LOOPBACK], port


async def _stuck(name: str, port: int) -> None:
    """Return when it has said for too long, or not said at all, that it lives."""
    patience, said = Patience(time.monotonic()), None
    # Not through a proxy, whatever the environment says.
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)) as client:
        while not patience.is_over(time.monotonic()):
            # Who has answered once is known to have started, and is missed sooner when it falls silent.
            await asyncio.sleep(_ASK_SECONDS if patience.well is not None else _FIRST_ASK_SECONDS)
            said = await _asked(client, port)
            patience = patience.after(time.monotonic(), is_well=said is None)
    log.error("process_stuck", process=name, reason=said, hint="it is started anew")


async def _asked(client: aiohttp.ClientSession, port: int) -> str | None:
    """None where it lives, else what it has said."""
    try:
        async with client.get(f"http://{LOOPBACK}:{port}/healthz") as answer:
            return None if answer.status == HTTPStatus.OK else await answer.text()
    except (aiohttp.ClientError, OSError, TimeoutError) as problem:
        return f"gives no answer ({type(problem).__name__})"


async def _start(command: Command, arguments: Sequence[str], environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    with contextlib.ExitStack() as held:
        output = held.enter_context(command.log_file.open("ab")) if command.log_file else None
        return await asyncio.create_subprocess_exec(
            *arguments,
            env=dict(environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A Ctrl-C is for us; they get a SIGTERM when it is time. Killed hard, they lose nothing: that is their law.
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
        )


async def _end(process: asyncio.subprocess.Process, seconds: float) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _keep_stack_alive(stack: LocalStack, stop: asyncio.Event) -> None:
    restarts, started = Restarts(), time.monotonic()
    while not await _wait(stop, _POLL_SECONDS):
        if died := stack.died():
            restarts = restarts.after_life_of(time.monotonic() - started)
            log.warning("local_server_died", **died, restart_in_seconds=restarts.pause_seconds)
            if restarts.is_hopeless:
                raise SupervisionError(
                    f"the local {' and '.join(died)} cannot live; see the logs in the state directory"
                )
            await _wait(stop, restarts.pause_seconds)
            stack.revive()
            started = time.monotonic()


async def _wait(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or less when we are to stop; says whether we are."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()
