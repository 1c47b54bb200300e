"""Kafka and Redis stop, die, come back empty, are slow, and answer nothing."""

import asyncio

from faults.deployment import Surroundings
from faults.row import Field, Place, Row
from faults.verdict import Expected


_OUTAGE_SECONDS = 30.0
_REDIS_OUTAGE_SECONDS = 15.0
_SLOW_SECONDS = 2.0
_AFTERWARDS_SECONDS = 5.0
_IN_PACE = Expected(latest_seconds=5)
"""Timers keep their pace without Redis."""


async def stop_broker(field: Field) -> None:
    """The broker is stopped for 30 s."""
    await field.servers.stop("kafka")
    await asyncio.sleep(_OUTAGE_SECONDS)
    await field.servers.start("kafka")
    await asyncio.sleep(_AFTERWARDS_SECONDS)


async def kill_broker(field: Field) -> None:
    """Kill -9 of the broker, which is started again at once on its data."""
    await field.servers.kill("kafka")
    await field.servers.start("kafka")
    await asyncio.sleep(_AFTERWARDS_SECONDS)


async def stop_redis(field: Field) -> None:
    """Redis is stopped for 15 s."""
    await field.servers.stop("redis")
    await asyncio.sleep(_REDIS_OUTAGE_SECONDS)
    await field.servers.start("redis")
    await asyncio.sleep(_AFTERWARDS_SECONDS)


async def lose_redis(field: Field) -> None:
    """Kill -9 of Redis, which is started again empty."""
    await field.servers.kill("redis")
    field.servers.empty_redis()
    await field.servers.start("redis")
    await asyncio.sleep(_AFTERWARDS_SECONDS)


async def freeze_redis(field: Field) -> None:
    """Redis hangs (SIGSTOP) for 15 s."""
    field.servers.freeze("redis")
    await asyncio.sleep(_REDIS_OUTAGE_SECONDS)
    field.servers.thaw("redis")
    await asyncio.sleep(_AFTERWARDS_SECONDS)


async def slow_redis(field: Field) -> None:
    """Redis takes 2 s for each answer."""
    way = field.deployment.way
    assert way
    way.answer_after = _SLOW_SECONDS
    await asyncio.sleep(_REDIS_OUTAGE_SECONDS)
    way.answer_after = 0
    await asyncio.sleep(_AFTERWARDS_SECONDS)


ROWS = (
    Row(name="stop-broker", act=stop_broker, place=Place.HARMING, expected=Expected(refused=True)),
    Row(name="kill-broker", act=kill_broker, place=Place.HARMING),
    Row(name="stop-redis", act=stop_redis, place=Place.HARMING, expected=_IN_PACE),
    Row(name="lose-redis", act=lose_redis, place=Place.HARMING, expected=_IN_PACE),
    Row(name="freeze-redis", act=freeze_redis, place=Place.HARMING, expected=_IN_PACE),
    Row(name="slow-redis", act=slow_redis, surroundings=Surroundings.WAY_TO_REDIS, expected=_IN_PACE),
)
