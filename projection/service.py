"""The projection as a role: from the incident log into Redis, for as long as it is told to run."""

import asyncio
import contextlib
import time

from datetime import timedelta

import structlog

from config.settings import Settings
from projection import metrics
from projection.consume import LogConsumer
from projection.project import project
from state.client import connect
from state.read_model import Unavailable, Update, Writer
from streams.records import LogEntry


log = structlog.get_logger("ackline.projection")

_WRITE_TIMEOUT = timedelta(seconds=10)
"""Longer than a decision may wait: nobody waits for this, and a large batch takes its time."""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Projection:
    """Keeps the read model up to date."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings.redis.model_copy(update={"timeout": _WRITE_TIMEOUT}))
        self._writer = Writer(self._redis, prefix=settings.redis.key_prefix, open_for=settings.incident.quiet_after)
        self._consumer = LogConsumer(settings.kafka, self._write)
        self._redis_trouble: str | None = None
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Project until told to stop."""
        self._stop = stop
        try:
            # Only a batch that is left uncommitted at the stop raises it.
            with contextlib.suppress(Unavailable):
                await self._consumer.run(stop)
        finally:
            await self._redis.aclose()

    def health(self) -> dict[str, str]:
        """How Kafka and Redis were when they were last needed."""
        return {"kafka": self._consumer.trouble or "ok", "redis": self._redis_trouble or "ok"}

    def liveness(self) -> dict[str, float]:
        """For how many seconds it has not polled, with nothing wrong with Kafka or Redis."""
        consumer = self._consumer
        is_waiting = consumer.trouble is not None or self._redis_trouble is not None
        return {"reading": 0.0 if is_waiting else time.monotonic() - consumer.polled}

    async def _write(self, entries: list[LogEntry]) -> None:
        updates = [update for entry in entries for update in project(entry)]
        await self._written(updates)
        for entry in entries:
            metrics.ENTRIES.labels(what=entry.what).inc()

    async def _written(self, updates: list[Update]) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._writer.apply(updates)
            except Unavailable as problem:
                self._redis_trouble = f"Redis does not take the read model ({problem}); it is behind until it does"
                metrics.REDIS_FAILURES.inc()
                log.warning("read_model_not_written", reason=str(problem), entries=len(updates))
                await self._pause_or_give_up(pause, problem)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._redis_trouble = None
                return

    async def _pause_or_give_up(self, seconds: float, problem: Unavailable) -> None:
        """Told to stop, leave the batch uncommitted: whoever comes next writes it."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
        raise problem
