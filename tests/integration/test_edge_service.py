"""The edge and the projection as roles: they end cleanly, and outlast what they depend on."""

import asyncio
import os
import signal
import socket

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from ackline.local_stack import Endpoints, LocalStack, local_stack
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from ingest.service import Ingest
from projection.service import Projection
from state.client import connect
from state.incident import Incident, IncidentState
from state.read_model import Reader, Unavailable
from streams.records import Happening
from tests.edge import PATIENCE, an_incident, has_status, log_entry, running, settings_for, until, write_log


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[LocalStack]:
    """A Redis to be killed."""
    with local_stack(tmp_path, kafka=False) as started:
        yield started


@pytest.fixture
def settings(stack: Endpoints, topic_prefix: str, own_redis: LocalStack) -> Settings:
    at = own_redis.endpoints
    redis = {"host": at.redis_host, "port": at.redis_port, "password": at.redis_password}
    return settings_for(stack, topic_prefix, redis=redis)


async def in_two_parts(halfway: asyncio.Event, go_on: asyncio.Event) -> AsyncIterator[bytes]:
    yield b'{"disk"'
    halfway.set()
    await go_on.wait()
    yield b': "full"}'


async def test_a_stop_finishes_what_is_under_way(stack: Endpoints, topic_prefix: str) -> None:
    """A request that has begun is answered 201; a new one finds the door closed."""
    settings = settings_for(stack, topic_prefix)
    await ensure_topics(settings.kafka)
    ingest, stop = Ingest(settings), asyncio.Event()
    role = asyncio.create_task(ingest.run(stop))
    await until(lambda: listens(ingest))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ingest.port}") as client:
        await until(lambda: has_status(client, "/readyz", 200))
        halfway = asyncio.Event()
        under_way = asyncio.create_task(client.post("/api/incidents", content=in_two_parts(halfway, stop)))
        await halfway.wait()
        stop.set()

        assert 201 == (await under_way).status_code
        await asyncio.wait_for(role, PATIENCE)
        with pytest.raises(httpx.ConnectError):
            await client.get("/healthz")


async def listens(ingest: Ingest) -> bool:
    return ingest.port is not None


async def test_a_port_that_is_taken_says_what_to_do(stack: Endpoints, topic_prefix: str) -> None:
    """At once, and not after a time of trying."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port} .*; free the port, or set another"):
            await Ingest(settings_for(stack, topic_prefix, port=port)).run(asyncio.Event())


async def test_the_read_model_catches_up_when_redis_comes_back(own_redis: LocalStack, settings: Settings) -> None:
    """While it is away the projection holds its position and says so; a stop ends it all the same."""
    await ensure_topics(settings.kafka)
    incident, _ = an_incident(settings)
    os.kill(own_redis.pids()["redis"], signal.SIGKILL)
    await until(lambda: has_died(own_redis))
    entry = log_entry(incident, Happening.OPENED, title="Disk full", oncall=True, due_ms=1)
    first = Projection(settings)
    async with running(first):
        await write_log(settings, entry)
        await until(lambda: says_that_redis_is_away(first))

    second = Projection(settings)
    async with running(second):
        await until(lambda: says_that_redis_is_away(second))
        own_redis.revive()
        found = await until(lambda: projected(settings, incident))

    assert ("Disk full", IncidentState.PENDING) == (found.title, found.state)


async def has_died(redis: LocalStack) -> bool:
    return bool(redis.died())


async def says_that_redis_is_away(projection: Projection) -> bool:
    return "does not take the read model" in projection.health()["redis"]


async def projected(settings: Settings, incident: str) -> Incident | None:
    redis = connect(settings.redis)
    try:
        return await Reader(redis, prefix=settings.redis.key_prefix, timeout=settings.redis.timeout).find(incident)
    except Unavailable:
        return None
    finally:
        await redis.aclose()
