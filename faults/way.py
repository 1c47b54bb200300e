"""A way to a server that can be made slow, and, where it is encrypted, be made to show a wrong certificate."""

import asyncio
import contextlib
import ssl

from collections.abc import AsyncIterator
from pathlib import Path

import trustme

from ackline.local_stack.ports import LOOPBACK


_CHUNK = 64 * 1024


class Tls:
    """Certificates of an authority of our own: a right one, and one for somebody else."""

    def __init__(self, home: Path) -> None:
        authority = trustme.CA()
        self.trusted = home / "authority.pem"
        """What clients are told to trust: `SSL_CERT_FILE`."""
        authority.cert_pem.write_to_path(str(self.trusted))
        self.is_wrong = False
        self._right, self._wrong = (_context(authority, name) for name in (LOOPBACK, "somebody-else.example"))

    def context(self) -> ssl.SSLContext:
        """What a listener is given. Which certificate is shown is decided when somebody connects."""
        self._right.sni_callback = self._choose
        return self._right

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._wrong if self.is_wrong else self._right


def _context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


class Way:
    """Forwards connections, answers after a delay."""

    def __init__(self, host: str, port: int, tls: Tls | None = None) -> None:
        self._to = (host, port)
        self.tls = tls
        self.port = 0
        self.answer_after = 0.0
        """Seconds by which every answer is late."""
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Close every connection: whoever wants another has to connect."""
        for writer in self._open:
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator["Way"]:
        """Listen, for as long as the block runs."""
        server = await asyncio.start_server(self._serve, LOOPBACK, 0, ssl=self.tls.context() if self.tls else None)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._to)
            self._open.add(there_writer)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_copied(reader, there_writer))
                    both.create_task(self._answered(there_reader, writer))
            finally:
                self._open.discard(there_writer)
                there_writer.close()
        except (OSError, ExceptionGroup):
            pass  # One side is gone, and so the other.
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            await asyncio.sleep(self.answer_after)
            writer.write(chunk)
            await writer.drain()
        raise ConnectionResetError


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    raise ConnectionResetError
