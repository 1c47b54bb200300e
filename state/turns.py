"""Turns that one process of many takes: what all of them could say is said by one, and not again for a while."""

import asyncio

from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError


class RedisTurns:
    """Turns in Redis. Without it everybody has one: rather said twice than never."""

    def __init__(self, redis: Redis, *, prefix: str, timeout: timedelta) -> None:
        self._redis = redis
        self._prefix = prefix
        self._timeout = timeout.total_seconds()

    async def take(self, name: str, every: timedelta) -> bool:
        """Whether it is this process's turn: nobody has taken it for so long. Never raises."""
        try:
            async with asyncio.timeout(self._timeout):
                return bool(await self._redis.set(f"{self._prefix}turn:{name}", b"1", nx=True, px=every))
        except (RedisError, OSError, TimeoutError):
            return True
