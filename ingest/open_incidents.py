"""Finds the open incident of a problem, for the answer to an alert: many requests' questions in one call to Redis.

Only a convenience. When Redis is slow or away the answer is "don't know", and for a second nobody asks again, so an
outage of Redis does not slow down alerts.
"""

import asyncio
import time

import structlog

from state.read_model import Reader, Unavailable


log = structlog.get_logger("ackline.ingest")

_QUIET_SECONDS = 1.0
_MOST_AT_ONCE = 256
_GATHER_SECONDS = 0.002


class OpenIncidents:
    """Asks for one source key at a time, and gathers what is asked meanwhile."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._asked: dict[str, asyncio.Future[str | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._ask_again = 0.0

    def of(self, source_key: str) -> asyncio.Future[str | None]:
        """The id of the incident that is open for this problem; None where there is none, or nobody knows."""
        future = self._asked.get(source_key)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            if time.monotonic() < self._ask_again:
                future.set_result(None)
                return future
            self._asked[source_key] = future
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return future

    async def _ask(self) -> None:
        try:
            while self._asked:
                keys = list(self._asked)[:_MOST_AT_ONCE]
                futures = [self._asked.pop(key) for key in keys]
                for future, found in zip(futures, await self._find(keys), strict=True):
                    if not future.done():
                        future.set_result(found)
                if len(keys) > 1:
                    # Many are asking, and wait for Kafka longer than this. A call costs the same for one key or fifty.
                    await asyncio.sleep(_GATHER_SECONDS)
        finally:
            self._asking = None

    async def _find(self, keys: list[str]) -> list[str | None]:
        if time.monotonic() < self._ask_again:
            return [None] * len(keys)
        try:
            return await self._reader.open_incidents(keys)
        except Unavailable as problem:
            self._ask_again = time.monotonic() + _QUIET_SECONDS
            log.warning("open_incidents_unknown", reason=str(problem))
            return [None] * len(keys)
