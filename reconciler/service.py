"""The reconciler as a role: catches what a streams worker should have paged and has not, so that even a bug there is
no missed page. When it loses Kafka for good it begins anew, from the records."""

import asyncio
import time

from contextlib import AsyncExitStack

import structlog

from config.settings import Settings
from reconciler.consume import KAFKA_TROUBLES, Reading
from reconciler.publish import Publisher
from reconciler.watch import Watch
from state.claims import RedisClaims
from state.client import connect


log = structlog.get_logger("ackline.reconciler")

_PAUSE_SECONDS = 1.0


class Reconciler:
    """Keeps a watch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis = connect(settings.redis)
        self._watch: Watch | None = None
        self._trouble = "not connected yet"

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until told to stop, through outages of Kafka."""
        try:
            while not stop.is_set():
                await self._keep_watch(stop)
        finally:
            await self._redis.aclose()

    def health(self) -> dict[str, str]:
        """How Kafka and Redis were when they were last needed, and whether all that has happened is known."""
        watch = self._watch
        if watch is None:
            return {"kafka": self._trouble}
        return {
            "kafka": watch.kafka_trouble or "ok",
            "redis": watch.redis_trouble or "ok",
            "records": f"{watch.behind} are still to be read" if watch.behind else "ok",
        }

    def liveness(self) -> dict[str, float]:
        """For how many seconds it has read nothing although there was something. An outage of Kafka is none of ours."""
        watch = self._watch
        return {"records": 0.0 if watch is None or watch.kafka_trouble else time.monotonic() - watch.moved}

    async def _keep_watch(self, stop: asyncio.Event) -> None:
        kafka, redis = self._settings.kafka, self._settings.redis
        claims = RedisClaims(self._redis, prefix=redis.key_prefix, timeout=redis.timeout)
        try:
            async with AsyncExitStack() as held:
                publisher, reading = Publisher(kafka), Reading(kafka)
                held.push_async_callback(publisher.close)
                held.push_async_callback(reading.close)
                watch = Watch(self._settings, reading, publisher, claims)
                await watch.begin()
                self._watch = watch
                await watch.keep(stop)
        except KAFKA_TROUBLES as problem:
            self._trouble = f"Kafka at {kafka.bootstrap_servers}: {type(problem).__name__} {problem}".strip()
            log.warning("kafka_lost", reason=self._trouble)
            await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._watch = None
