"""The edge as a role: serves HTTP whatever the state of Kafka and Redis, and ends without dropping a request."""

import asyncio
import contextlib
import socket

from collections.abc import Iterator
from datetime import timedelta

import structlog
import uvicorn

from config.settings import Settings
from ingest.acknowledge import Desk
from ingest.app import create_app, with_short_way
from ingest.backlog import Backlog
from ingest.edge import Edge, ack_links, now_ms
from ingest.open_incidents import OpenIncidents
from ingest.publish import Publisher
from ingest.redis_watch import RedisWatch
from state.claims import RedisClaims
from state.client import connect
from state.read_model import Reader


log = structlog.get_logger("ackline.ingest")

_FINISH = timedelta(seconds=10)
"""For the requests that are under way at the stop; longer than they wait for Kafka."""
_MAKE_UP = timedelta(seconds=3)
_KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep idle connections, so that none sends an alert into one that closes."""
_BACKLOG = 2048


class Ingest:
    """The HTTP edge of one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        redis = settings.redis
        self._redis = connect(redis)
        self._publisher = Publisher(settings.kafka, settings.ingest)
        self._backlog = Backlog()
        reader = Reader(self._redis, prefix=redis.key_prefix, timeout=redis.timeout)
        claims = RedisClaims(self._redis, prefix=redis.key_prefix, timeout=redis.timeout)
        self._edge = Edge(
            settings=settings,
            publisher=self._publisher,
            reader=reader,
            open_incidents=OpenIncidents(reader),
            desk=Desk(publisher=self._publisher, claims=claims, reader=reader, backlog=self._backlog, now_ms=now_ms),
            links=ack_links(settings),
            redis=RedisWatch(reader),
        )
        self.port: int | None = None
        """Where it listens, once it does; what a configured port of 0 became."""

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop, then finish what is under way."""
        listening = _listen(self._settings.host, self._settings.port)
        server = _server(self._edge)
        over = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._publisher.run(over))
                tasks.create_task(self._edge.redis.run(over))
                tasks.create_task(_relay(stop, server))
                self.port = listening.getsockname()[1]
                log.info("ingest_listening", host=self._settings.host, port=self.port)
                await server.serve(sockets=[listening])
                await self._backlog.close(_MAKE_UP)
                stop.set()
                over.set()
        finally:
            await self._redis.aclose()

    def liveness(self) -> dict[str, float]:
        """Whoever answers this lives: there is one loop. A publisher that is beyond help takes a new producer, or ends
        the process."""
        return {}

    def health(self) -> dict[str, str]:
        """How each dependency is."""
        return self._edge.health()


class _Server(uvicorn.Server):
    """Signals belong to whoever composes the roles."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(edge: Edge) -> _Server:
    return _Server(
        uvicorn.Config(
            with_short_way(create_app(edge), edge),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            # An ACK link is a capability, so no URL may get into a log.
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(_FINISH.total_seconds()),
        )
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as problem:
        raise OSError(f"cannot listen on {host}:{port} ({problem}); free the port, or set another `port`") from problem


async def _relay(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True
