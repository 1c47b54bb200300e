"""The streams role: runs one worker until it is told to stop, and fails loudly when the worker does."""

import asyncio

from pathlib import Path
from typing import Any

import structlog

from faust.exceptions import ConsistencyError, ConsumerNotStarted

from config.settings import Settings
from state.claims import RedisClaims
from state.client import connect
from streams.app import Worker
from streams.clock import wall_clock_ms
from streams.watchman import Watchman


log = structlog.get_logger("ackline.streams")

STALE_MS = 15_000
"""How old a partition's last tick may be before the worker counts as stuck."""


STOP_SECONDS = 15
"""How long a worker may take to finish its batch, commit and leave."""


class Streams:
    """One streams worker."""

    def __init__(self, settings: Settings, data_dir: Path) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._worker: Worker | None = None
        self._watchman: Watchman | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set.

        Raises:
            BaseException: what the worker died of. Nothing that was unfinished is committed.
        """
        self._data_dir.mkdir(parents=True, exist_ok=True)
        redis_settings = self._settings.redis
        redis = connect(redis_settings)
        claims = RedisClaims(redis, prefix=redis_settings.key_prefix, timeout=redis_settings.timeout)
        self._worker = worker = Worker(self._settings, self._data_dir, claims)
        self._watchman = watchman = Watchman(worker, self._settings.kafka)
        try:
            await _run_until(worker, watchman, stop)
        except ConsistencyError:
            self._set_tables_aside()
            raise
        finally:
            await worker.edges.close()
            await redis.aclose()

    def _set_tables_aside(self) -> None:
        """Begin with empty tables at the next start: these know more than Kafka, which is where the truth is."""
        aside = self._data_dir.with_name(f"{self._data_dir.name}.set-aside-{wall_clock_ms()}")
        self._data_dir.rename(aside)
        log.error(
            "tables_set_aside",
            path=str(aside),
            reason="they are ahead of their changelogs in Kafka, so topics were deleted or replaced",
            hint="the next start builds them from Kafka; remove the directory when nobody needs it",
        )

    def liveness(self) -> dict[str, float]:
        """See `Watchman.liveness`."""
        return self._watchman.liveness() if self._watchman else {}

    def health(self) -> dict[str, str]:
        """Part by part: `ok`, or what is wrong."""
        worker, watchman = self._worker, self._watchman
        return {
            "kafka": (watchman and watchman.kafka_trouble) or "ok",
            "redis": (worker and worker.acks.redis_trouble) or "ok",
            **self._work(),
        }

    def _work(self) -> dict[str, str]:
        worker = self._worker
        if worker is None or not worker.app.started:
            return {"worker": "is starting"}
        if worker.app.crashed:
            return {"worker": "has failed; it must be started again"}
        try:
            owned = worker.owned_partitions()
        except ConsumerNotStarted:
            return {"worker": "is starting"}
        if not worker.was_assigned:
            return {"worker": "has yet to be given its partitions"}
        now_ms = wall_clock_ms()
        ages = {partition: now_ms - worker.timer.ticked_ms.get(partition, 0) for partition in owned}
        stale = sorted(partition for partition, age in ages.items() if age > STALE_MS)
        return {"worker": "ok", "ticks": f"none for {STALE_MS // 1000} s in partitions {stale}" if stale else "ok"}


async def _run_until(worker: Worker, watchman: Watchman, stop: asyncio.Event) -> None:
    app = worker.app
    # Starting includes the recovery of the tables, which may take long: a stop must not have to wait for it.
    starting = asyncio.create_task(app.start())
    ends = {
        asyncio.create_task(stop.wait()),
        asyncio.create_task(app.wait_until_stopped()),
        asyncio.create_task(worker.pulse.keep()),
        asyncio.create_task(watchman.keep()),
    }
    try:
        await asyncio.wait({starting, *ends}, return_when=asyncio.FIRST_COMPLETED)
        if not _failed(starting):
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        problems = [app.crash_reason, *map(_failed, (starting, *ends))]
        for task in (starting, *ends):
            task.cancel()
        await asyncio.wait({starting}, timeout=STOP_SECONDS)
        problems.append(await _stopped(worker))
    for problem in problems:
        if problem is not None:
            raise problem


async def _stopped(worker: Worker) -> BaseException | None:
    """Stop the app, and what came in the way of it. One that has failed may not be able to stop any more."""
    stopping = asyncio.create_task(worker.app.stop())
    await asyncio.wait({stopping}, timeout=STOP_SECONDS)
    if not stopping.done():
        return TimeoutError(f"the worker has not stopped within {STOP_SECONDS} s")
    return RuntimeError("the worker gave up stopping") if stopping.cancelled() else stopping.exception()


def _failed(task: asyncio.Task[Any]) -> BaseException | None:
    """What a task has died of, if it has."""
    return task.exception() if task.done() and not task.cancelled() else None
