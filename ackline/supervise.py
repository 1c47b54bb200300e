"""Keeps processes running: starts them again when they die, stops them together, and outlives none of them.

A process that ends for a reason that no restart can mend (its configuration, or five short lives in a row) ends them
all: a pipeline that lacks a part would look alive while pages are missed.
"""

import asyncio
import contextlib
import signal
import time

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from ackline.child import dies_with_parent
from ackline.exits import EXIT_CONFIG
from ackline.local_stack import LocalStack
from ackline.restarts import Restarts


STOP_SECONDS = 20.0
"""How long a process has to finish what it began."""

_POLL_SECONDS = 0.5

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
    process = await _start(command, environ)
    log.info("process_started", process=command.name, pid=process.pid)
    ended, stopped = asyncio.ensure_future(process.wait()), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        await _end(process)
    return await ended


async def _start(command: Command, environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    with contextlib.ExitStack() as held:
        output = held.enter_context(command.log_file.open("ab")) if command.log_file else None
        return await asyncio.create_subprocess_exec(
            *command.arguments,
            env=dict(environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A Ctrl-C is for us; they get a SIGTERM when it is time. Killed hard, they lose nothing: that is their law.
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
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
