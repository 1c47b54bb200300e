"""Knows how Redis is without asking it for every request."""

import asyncio

from state.read_model import Reader, Unavailable


_ASK_EVERY_SECONDS = 2.0


class RedisWatch:
    """Asks Redis now and then whether it is there."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.trouble: str | None = "not asked yet"
        """What is wrong with Redis; None while all is well."""

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until told to stop."""
        while not stop.is_set():
            try:
                await self._reader.ping()
            except Unavailable as problem:
                self.trouble = f"{problem}; claims and the read model are out of reach, alerts and pages go on"
            else:
                self.trouble = None
            try:
                async with asyncio.timeout(_ASK_EVERY_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue
