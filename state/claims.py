"""The one key per incident and round where an acknowledgement and a deadline meet: whoever sets it first wins.

A person who was told "acknowledged" is not paged, and one who comes too late is told so. A claim is kept when it is
asked for again, so that a worker that died after claiming gets the same answer.
"""

import asyncio

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from redis.asyncio import Redis
from redis.exceptions import RedisError


KEPT = timedelta(days=15)
"""Longer than the longest wait and the longest-lived ACK link."""


class Winner(StrEnum):
    """Who may hold a claim."""

    ACK = "ack"
    PAGE = "page"


class Claim(msgspec.Struct, frozen=True):
    """Who holds it, and since when (milliseconds since the epoch)."""

    winner: Winner
    at_ms: int
    by: str = ""
    """Who acknowledged; empty for a page."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One incident and round, for which a claim is asked."""

    incident_id: str
    round: int


class Claims(Protocol):
    """Where claims are made."""

    async def claim(self, contests: Sequence[Contest], mine: Claim) -> list[Claim | None]:
        """Claim each contest, and return who holds it afterwards; None where nobody could be asked. Never raises."""
        ...


class RedisClaims:
    """Claims in Redis, all of one call in one round trip, and one more for those that are lost, within a time limit."""

    def __init__(self, redis: Redis, *, prefix: str, timeout: timedelta) -> None:
        self._redis = redis
        self._prefix = prefix
        self._timeout = timeout.total_seconds()

    async def claim(self, contests: Sequence[Contest], mine: Claim) -> list[Claim | None]:
        """See `Claims`."""
        keys = [f"{self._prefix}claim:{contest.incident_id}:{contest.round}" for contest in contests]
        try:
            async with asyncio.timeout(self._timeout):
                lost = await self._lost(keys, mine)
                # SET … NX GET would be one command, but needs Redis 7; the key is never changed, so two are as good.
                held = dict(zip(lost, await self._redis.mget(lost), strict=True)) if lost else {}
        except (RedisError, OSError, TimeoutError):
            return [None] * len(contests)
        return [_held(held[key]) if key in held else mine for key in keys]

    async def _lost(self, keys: Sequence[str], mine: Claim) -> list[str]:
        """Set every key that is not set, and return those that were."""
        value = msgspec.json.encode(mine)
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.set(key, value, nx=True, ex=KEPT)
        return [key for key, is_set in zip(keys, await pipeline.execute(), strict=True) if not is_set]


def _held(value: Any) -> Claim | None:
    try:
        return msgspec.json.decode(value, type=Claim)
    except (msgspec.DecodeError, TypeError):
        return None
