"""A Kafka and a Redis of our own, which may be stopped, frozen and killed, and which keep their data and their ports."""

import asyncio
import contextlib
import os
import shutil
import signal

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ackline.local_stack import Endpoints, LocalStack, local_stack
from ackline.local_stack.kafka import answers
from ackline.local_stack.ports import LOOPBACK


Name = Literal["kafka", "redis"]

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers. Nobody but the rows starts one again."""

    stack: LocalStack
    home: Path

    @property
    def endpoints(self) -> Endpoints:
        """Where they are."""
        return self.stack.endpoints

    async def stop(self, name: Name) -> None:
        """Ask a server to end, and wait until it has."""
        await self._end(name, signal.SIGTERM)

    async def kill(self, name: Name) -> None:
        """Kill -9."""
        await self._end(name, signal.SIGKILL)

    async def start(self, name: Name) -> None:
        """Start again a server that has ended, on its data; wait until a broker answers."""
        self.stack.revive()
        while name == "kafka" and not await asyncio.to_thread(answers, LOOPBACK, self._kafka_port()):  # noqa: ASYNC110  # a server has no event for it
            await asyncio.sleep(_POLL_SECONDS)

    def freeze(self, name: Name) -> None:
        """SIGSTOP: its connections stay open, and nobody answers."""
        os.kill(self.stack.pids()[name], signal.SIGSTOP)

    def thaw(self, name: Name) -> None:
        """SIGCONT."""
        os.kill(self.stack.pids()[name], signal.SIGCONT)

    def empty_redis(self) -> None:
        """Remove what a Redis that has ended had kept."""
        shutil.rmtree(self.home / "redis" / "data")
        (self.home / "redis" / "data").mkdir()

    async def mend(self) -> None:
        """Whatever a row has left behind: both run."""
        for name in self.stack.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.stack.pids()[name], signal.SIGCONT)
        if self.stack.died():
            await self.start("kafka")

    async def _end(self, name: Name, how: signal.Signals) -> None:
        os.kill(self.stack.pids()[name], how)
        while name not in self.stack.died():  # noqa: ASYNC110  # a process has no event for it
            await asyncio.sleep(_POLL_SECONDS)

    def _kafka_port(self) -> int:
        return int((self.endpoints.bootstrap_servers or "").rpartition(":")[2])


@contextlib.contextmanager
def servers(home: Path) -> Iterator[Servers]:
    """Both of them, for as long as the block lasts. To be called from the main thread."""
    with local_stack(home) as stack:
        yield Servers(stack, home)
