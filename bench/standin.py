"""A stand-in for Slack and PagerDuty that costs little: it takes every call, answers after a set time, and remembers
when each came. Run as a process: `python -m bench.standin --port N`.

`GET /count` says about how many alerts each has had calls, `GET /seen` when each came and what it was about, `PUT /answer/<ms>` how
long answers take from now on, where a negative number is for ever.
"""

import asyncio
import contextlib
import json
import os
import re
import time

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import aiohttp
import click
import httptools
import uvloop

from ackline.local_stack.ports import LOOPBACK, choose_ports
from bench.processes import Process, get, start, until


_NAME = re.compile(rb"bench-\d+")
_DUE = re.compile(rb'"due_at":"([^"]+)"')
_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that came."""

    to: str
    """`slack` or `pagerduty`."""
    at: float
    """Wall clock, in seconds."""
    name: str
    """Of the alert that it was about."""
    due: float | None
    """When the page was due, as it says itself."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """The stand-in, as a bench sees it."""

    process: Process

    @property
    def url(self) -> str:
        """Of both services."""
        return self.process.url

    async def answer_after(self, seconds: float | None) -> None:
        """How long answers take from now on; None: they never come."""
        ms = -1 if seconds is None else round(seconds * 1000)
        async with aiohttp.ClientSession() as client, client.put(f"{self.url}/answer/{ms}"):
            pass

    async def count(self, service: str) -> int:
        """About how many alerts a service has had calls."""
        return int(((await get(self.process.port, "/count")) or {}).get(service, 0))

    async def calls(self, service: str) -> list[Call]:
        """All calls that a service has had."""
        found = await get(self.process.port, "/seen")
        return [Call(to=to, at=at, name=name, due=_due(due)) for to, at, name, due in found if to == service]


@contextlib.asynccontextmanager
async def stand_in(home: Path) -> AsyncIterator[StandIn]:
    """A stand-in that answers at once, until the block ends."""
    port = choose_ports(["stand-in"], {})["stand-in"]
    process = start("stand-in", ["bench.standin", "--port", str(port)], os.environ, home / "stand-in.log", port)
    try:
        await until(lambda: get(port, "/count"), "the stand-in answers", _START_SECONDS, process)
        yield StandIn(process)
    finally:
        await process.kill()


def _due(text: str) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


class _Services:
    """What has come, and how it is answered."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float, str, str]] = []
        self.names: dict[str, set[str]] = {"slack": set(), "pagerduty": set()}
        self.answer_after = 0.0

    def called(self, service: str, body: bytes) -> bytes:
        """Remember a call; its answer."""
        if service == "bare":
            return _response(202, {"status": "success", "message": "Event processed", "dedup_key": "k"})
        found, due = _NAME.search(body), _DUE.search(body) if service == "pagerduty" else None
        name = found[0].decode() if found else ""
        self.names[service].add(name)
        self.seen.append((service, time.time(), name, due[1].decode() if due else ""))
        if service == "pagerduty":
            return _response(202, {"status": "success", "message": "Event processed", "dedup_key": "k"})
        return _response(200, {"ok": True, "channel": "C1", "ts": f"{len(self.seen)}.000001"})

    def asked(self, url: str) -> bytes:
        """What a bench wants of the stand-in itself."""
        if url.startswith("/answer/"):
            ms = int(url.rpartition("/")[2])
            self.answer_after = -1.0 if ms < 0 else ms / 1000
        return _response(200, self.seen if url == "/seen" else {each: len(names) for each, names in self.names.items()})


def _response(status: int, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


class _Connection(asyncio.Protocol):
    """One connection. No framework: the stand-in must not be what is measured."""

    def __init__(self, services: _Services) -> None:
        self._services = services
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url, self._body = b"", bytearray()

    def on_url(self, url: bytes) -> None:
        """Its path, or a part of it."""
        self._url += url

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._body += body

    def on_message_complete(self) -> None:
        """It is here; answer it."""
        url, services = self._url.decode(), self._services
        assert self._transport is not None
        if url.startswith(("/slack", "/v2", "/bare")):
            service = "slack" if url.startswith("/slack") else "pagerduty" if url.startswith("/v2") else "bare"
            answer = services.called(service, bytes(self._body))
            if services.answer_after > 0:
                asyncio.get_running_loop().call_later(services.answer_after, self._transport.write, answer)
            elif services.answer_after == 0:
                self._transport.write(answer)
        else:
            self._transport.write(services.asked(url))


async def _serve(port: int) -> None:
    services = _Services()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(services), LOOPBACK, port, backlog=2048, reuse_address=True
    )
    await server.serve_forever()


@click.command()
@click.option("--port", type=int, required=True)
def main(port: int) -> None:
    """Answer until killed."""
    uvloop.run(_serve(port))


if __name__ == "__main__":
    main()
