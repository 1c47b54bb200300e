"""A small HTTP server beside a role: `/healthz` (it runs), `/readyz` (each part's state), `/metrics` (Prometheus).

Ingest has these routes in its own application; the other roles get them from here.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


Health = Callable[[], Mapping[str, str]]
"""Each part or dependency of a role: "ok", or a sentence of what is wrong."""


@asynccontextmanager
async def health_server(health: Health, port: int, host: str = "0.0.0.0") -> AsyncIterator[int]:  # noqa: S104
    """Serve while the block runs; yields the port, which is chosen where 0 is asked for.

    Probes and scrapers come from other machines, so it listens on every address, as ingest does.
    """
    runner = web.AppRunner(_application(health), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _application(health: Health) -> web.Application:
    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_request: web.Request) -> web.Response:
        parts = dict(health())
        is_ready = all(state == "ok" for state in parts.values())
        body = {"status": "ready" if is_ready else "not ready", "parts": parts}
        return web.json_response(body, status=200 if is_ready else 503)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return application
