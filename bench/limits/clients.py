"""The limits of the notifiers: bare loops that POST one body again and again, with httpx and with aiohttp.

`python -m bench.limits.clients --client httpx|aiohttp --connections N --seconds N URL` says how many came through.
"""

import asyncio
import json
import time

from collections.abc import Awaitable, Callable

import aiohttp
import click
import httpx
import uvloop


_BODY = json.dumps({"routing_key": "R" * 32, "event_action": "trigger", "payload": {"summary": "x" * 900}}).encode()
_HEADERS = {"Content-Type": "application/json"}

Post = Callable[[], Awaitable[None]]


async def _loops(post: Post, connections: int, seconds: float) -> dict[str, float]:
    began, count = time.perf_counter(), 0

    async def loop() -> None:
        nonlocal count
        while time.perf_counter() - began < seconds:
            await post()
            count += 1

    await asyncio.gather(*[loop() for _ in range(connections)])
    return {"per_second": count / (time.perf_counter() - began)}


async def _with_httpx(url: str, connections: int, seconds: float) -> dict[str, float]:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30) as client:

        async def post() -> None:
            (await client.post(url, content=_BODY, headers=_HEADERS)).raise_for_status()

        return await _loops(post, connections, seconds)


async def _with_aiohttp(url: str, connections: int, seconds: float) -> dict[str, float]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as client:

        async def post() -> None:
            async with client.post(url, data=_BODY, headers=_HEADERS) as answer:
                answer.raise_for_status()
                await answer.read()

        return await _loops(post, connections, seconds)


@click.command()
@click.option("--client", type=click.Choice(["httpx", "aiohttp"]), required=True)
@click.option("--connections", type=int, required=True)
@click.option("--seconds", type=float, required=True)
@click.argument("url")
def main(client: str, connections: int, seconds: float, url: str) -> None:
    """POST for so long."""
    way = _with_httpx if client == "httpx" else _with_aiohttp
    click.echo(json.dumps(uvloop.run(way(url, connections, seconds))))


if __name__ == "__main__":
    main()
