"""A small load generator, for machines without `wrk`: keeps each connection busy, and says what it saw in one line.

`python -m bench.load.hammer [--connections N] [--seconds N] [--first N] URL BODY`, where @ stands for the number.
"""

import asyncio
import itertools
import json
import time

from typing import cast
from urllib.parse import urlsplit

import click
import httptools
import uvloop

from bench.figures import percentile


class _Connection(asyncio.Protocol):
    """Sends a request whenever the one before it is answered."""

    def __init__(self, hammer: "_Hammer") -> None:
        self._hammer = hammer
        self._parser = httptools.HttpResponseParser(self)
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._hammer.lost()

    def on_message_complete(self) -> None:
        """An answer is here."""
        now = time.perf_counter()
        self._hammer.answered(now - self._sent, self._parser.get_status_code())
        if now < self._hammer.until:
            self._send()
        elif self._transport:
            self._transport.close()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        assert self._transport is not None
        self._transport.write(self._hammer.request())


class _Hammer:
    """What all connections share."""

    def __init__(self, url: str, body: str, first: int, seconds: float) -> None:
        where = urlsplit(url)
        self.address = (str(where.hostname), where.port or 80)
        self._path = where._replace(scheme="", netloc="").geturl()
        self._headers = f"HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
        self._body = body
        self._numbers = itertools.count(first)
        self.until = time.perf_counter() + seconds
        self.seconds: list[float] = []
        self.failed = 0
        self._open = 0
        self.over = asyncio.Event()

    def request(self) -> bytes:
        """The next alert."""
        number = next(self._numbers)
        content, path = self._body.replace("@", f"bench-{number:08d}"), self._path.replace("@", str(number))
        return f"POST {path} {self._headers}Content-Length: {len(content)}\r\n\r\n{content}".encode()

    def answered(self, seconds: float, status: int) -> None:
        """One request is over."""
        self.seconds.append(seconds)
        self.failed += not 200 <= status < 300

    def lost(self) -> None:
        """A connection is over; before its time, a request had no answer."""
        self.failed += time.perf_counter() < self.until
        self._open -= 1
        if not self._open:
            self.over.set()

    async def run(self, connections: int) -> None:
        """Hammer until the time is over."""
        loop = asyncio.get_running_loop()
        self._open = connections
        for _ in range(connections):
            await loop.create_connection(lambda: _Connection(self), *self.address)
        await self.over.wait()


async def _hammered(url: str, body: str, first: int, seconds: float, connections: int) -> dict[str, float]:
    hammer, began = _Hammer(url, body, first, seconds), time.perf_counter()
    await hammer.run(connections)
    if not hammer.seconds:
        raise click.ClickException("no request was answered")
    took, ms = time.perf_counter() - began, [1000 * each for each in hammer.seconds]
    return {
        "answered": len(ms), "failed": hammer.failed, "seconds": took, "p50_ms": percentile(ms, 50),
        "p99_ms": percentile(ms, 99), "max_ms": max(ms),
    }  # fmt: skip


@click.command()
@click.option("--connections", default=1)
@click.option("--seconds", default=5.0)
@click.option("--first", default=1)
@click.argument("url")
@click.argument("body")
def main(url: str, body: str, first: int, seconds: float, connections: int) -> None:
    """Load a server."""
    click.echo(json.dumps(uvloop.run(_hammered(url, body, first, seconds, connections))))


if __name__ == "__main__":
    main()
