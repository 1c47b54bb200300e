"""Processes of their own: started, asked, measured from outside, and ended. None outlives this one."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from ackline.child import dies_with_parent
from ackline.local_stack.ports import LOOPBACK
from bench.figures import CannotMeasure


ROOT = Path(__file__).parents[1]
_FROM_HERE = {"PYTHONSAFEPATH": ""}
"""This package is not installed, so a process of ours finds it where it is started."""
_POLL_SECONDS = 0.05
_STOP_SECONDS = 30.0
_SHOWN_LINES = 5


@dataclass(frozen=True, slots=True)
class Process:
    """A process that runs, and where it answers."""

    name: str
    popen: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it answers HTTP."""
        return f"http://{LOOPBACK}:{self.port}"

    def rss_mb(self) -> float:
        """The memory that it has in RAM now, in MB."""
        return float(psutil.Process(self.popen.pid).memory_info().rss) / 1e6

    def cpu_seconds(self) -> float:
        """What it has used of the processor since it began."""
        return cpu_seconds(self.popen.pid)

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.popen.send_signal(signal.SIGTERM)
        await self._over(_STOP_SECONDS)

    async def kill(self) -> None:
        """Kill -9, where it still runs."""
        self.popen.kill()
        await self._over(_STOP_SECONDS)

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:])

    async def _over(self, seconds: float) -> None:
        await asyncio.to_thread(self.popen.wait, seconds)


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processor since it began."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def start(name: str, module: Sequence[str], environ: Mapping[str, str], log: Path, port: int = 0) -> Process:
    """Start `python -m <module>`. To be called from the main thread: see `dies_with_parent`."""
    with log.open("ab") as output:
        popen = subprocess.Popen(  # noqa: S603  # our own commands
            [sys.executable, "-m", *module], cwd=ROOT, env={**environ, **_FROM_HERE}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),  # noqa: PLW1509  # takes no lock
        )  # fmt: skip
    return Process(name, popen, port, log)


async def told(command: Sequence[str]) -> Any:
    """Run a command to its end; the JSON in the last line that it wrote.

    Raises:
        CannotMeasure: it failed.
    """
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, **_FROM_HERE}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=dies_with_parent(signal.SIGKILL),
    )  # fmt: skip
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise CannotMeasure(f"{' '.join(command[:4])} … ended with code {process.returncode}: {err.decode()[-500:]}")
    return json.loads(out.decode().strip().splitlines()[-1])


async def get(port: int, path: str) -> Any:
    """The JSON that a process answers, whatever its status; None where it does not answer."""
    timeout = aiohttp.ClientTimeout(total=30)
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(f"http://{LOOPBACK}:{port}{path}") as answer,
        ):
            return await answer.json()
    return None


async def until(
    condition: Callable[[], Awaitable[object]],
    what: str,
    seconds: float,
    *needed: Process,
    every: float = _POLL_SECONDS,
) -> None:
    """Wait until it is so.

    Raises:
        CannotMeasure: it takes too long, or a process that is needed for it has ended.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await condition():
        for process in needed:
            if (code := process.popen.poll()) is not None:
                raise CannotMeasure(
                    f"{process.name} ended with code {code} before this: {what}\n{process.last_words()}"
                )
        if loop.time() > deadline:
            raise CannotMeasure(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(every)
