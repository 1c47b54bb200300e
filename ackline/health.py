"""A small HTTP server beside a role: `/healthz` (it lives), `/readyz` (each dependency), `/metrics` (Prometheus).

Not alive is what a restart mends, not ready is what it does not. Ingest has these routes in its own application as well.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ackline.liveness import verdict


ANYWHERE = "0.0.0.0"  # noqa: S104
"""Probes and scrapers come from other machines, so it listens on every address, as ingest does."""


class Watched(Protocol):
    """What is asked of a role."""

    def liveness(self) -> Mapping[str, float]:
        """Each part that only a restart can mend: for how many seconds it has stood still with something to do."""

    def health(self) -> Mapping[str, str]:
        """Each part or dependency: "ok", or a sentence of what is wrong."""


@asynccontextmanager
async def health_server(role: Watched, port: int, host: str = ANYWHERE) -> AsyncIterator[int]:
    """Serve while the block runs; yields the port, which is chosen where 0 is asked for."""
    runner = web.AppRunner(_application(role), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _application(role: Watched) -> web.Application:
    async def healthz(_request: web.Request) -> web.Response:
        return _told(verdict(role.liveness()), "alive", "stuck")

    async def readyz(_request: web.Request) -> web.Response:
        return _told(role.health(), "ready", "not ready")

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return application


def _told(parts: Mapping[str, str], good: str, bad: str) -> web.Response:
    is_good = all(state == "ok" for state in parts.values())
    return web.json_response({"status": good if is_good else bad, "parts": dict(parts)}, status=200 if is_good else 503)
