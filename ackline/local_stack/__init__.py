"""A real Kafka and a real Redis on this machine, without Docker, for trying out, for one-machine use and for tests.

Data, ports and the password are kept in a state directory and used again by the next run. What is started here is
stopped when the `with` block ends, and does not outlive this process even when that is killed.
"""

import contextlib
import subprocess
import time

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ackline.local_stack import process, state
from ackline.local_stack.errors import LocalStackError
from ackline.local_stack.jars import kafka_jars
from ackline.local_stack.java import find_java
from ackline.local_stack.kafka import KafkaServer
from ackline.local_stack.ports import LOOPBACK, choose_ports
from ackline.local_stack.redis import RedisServer, find_redis


__all__ = ["Endpoints", "LocalStack", "LocalStackError", "local_stack", "running_stack"]

_READY_SECONDS = 60
_PORTS = {"kafka": ["kafka", "kafka_controller"], "redis": ["redis"]}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where Kafka and Redis are; None for what is not ours."""

    bootstrap_servers: str | None = None
    redis_host: str | None = None
    redis_port: int | None = None
    redis_password: str | None = field(default=None, repr=False)

    def environ(self) -> dict[str, str]:
        """The environment variables by which `config.load` learns of them."""
        found = {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "REDIS_HOST": self.redis_host,
            "REDIS_PORT": self.redis_port,
            "REDIS_PASSWORD": self.redis_password,
        }
        return {name: str(value) for name, value in found.items() if value is not None}


@dataclass
class _Running:
    server: KafkaServer | RedisServer
    process: subprocess.Popen[bytes]


@dataclass
class LocalStack:
    """What was started."""

    endpoints: Endpoints
    _running: list[_Running] = field(default_factory=list, repr=False)

    def died(self) -> dict[str, int]:
        """The servers that are not running any more, by name, with their exit codes."""
        codes = {each.server.name: each.process.poll() for each in self._running}
        return {name: code for name, code in codes.items() if code is not None}

    def pids(self) -> dict[str, int]:
        """The servers' processes by name."""
        return {each.server.name: each.process.pid for each in self._running}

    def revive(self) -> None:
        """Start again, without waiting for them, the servers that died. Their data is still there."""
        for each in self._running:
            if each.process.poll() is not None:
                each.process = _spawn(each.server)


@contextlib.contextmanager
def local_stack(state_dir: Path, *, kafka: bool = True, redis: bool = True) -> Iterator[LocalStack]:
    """Start Kafka, Redis or both, wait until they answer, and stop them at the end.

    To be called from the main thread: see `child.dies_with_parent`.
    """
    state_dir = state_dir.resolve()
    wanted = [name for name, is_wanted in {"kafka": kafka, "redis": redis}.items() if is_wanted]
    with contextlib.ExitStack() as cleanup:
        try:
            cleanup.enter_context(state.held(state_dir))
            servers = _plan(state_dir, wanted)
            running = [_start(server, cleanup) for server in servers]
            for each in running:
                _wait_until_ready(each)
        except OSError as problem:
            raise LocalStackError(
                f"cannot keep the local Kafka and Redis in {state_dir}: {problem}. Is the disk full, or read-only? "
                "--state-dir chooses another directory"
            ) from problem
        yield LocalStack(_endpoints(state_dir, wanted), running)


def running_stack(state_dir: Path) -> Endpoints | None:
    """Where the local stack of this state directory is, when one is running, for commands beside it."""
    state_dir = state_dir.resolve()
    if not state.is_held(state_dir):
        return None
    return _endpoints(state_dir, list(state.recall(state_dir).ports))


def _plan(state_dir: Path, wanted: list[str]) -> list[KafkaServer | RedisServer]:
    """The servers to start, on ports that are free now that leftovers of an earlier run are gone."""
    for name in _PORTS:
        process.stop_leftover(state_dir / f"{name}.pid", state_dir)
    remembered = state.recall(state_dir)
    ports = choose_ports([port for name in wanted for port in _PORTS[name]], remembered.ports)
    state.remember(state_dir, state.Remembered(ports, remembered.redis_password))
    logs = state_dir / "logs"
    logs.mkdir(exist_ok=True)
    servers: list[KafkaServer | RedisServer] = []
    if "redis" in wanted:
        redis_home = state_dir / "redis"
        servers.append(RedisServer(redis_home, logs, ports["redis"], remembered.redis_password, find_redis()))
    if "kafka" in wanted:
        kafka_ports = (ports["kafka"], ports["kafka_controller"])
        servers.append(KafkaServer(state_dir / "kafka", logs, *kafka_ports, find_java(), kafka_jars()))
    return servers


def _start(server: KafkaServer | RedisServer, cleanup: contextlib.ExitStack) -> _Running:
    server.prepare()
    running = _Running(server, _spawn(server))
    # By way of `running`: what is to be stopped in the end may be a later process than this.
    cleanup.callback(lambda: process.stop(running.process, _pid_file(server)))
    return running


def _spawn(server: KafkaServer | RedisServer) -> subprocess.Popen[bytes]:
    return process.spawn(server.command, home=server.home, output=_output(server), pid_file=_pid_file(server))


def _wait_until_ready(running: _Running) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    server = running.server
    while not server.is_ready():
        if (code := running.process.poll()) is not None:
            raise LocalStackError(
                f"the local {server.name} ended with code {code} while starting. {_last_words(server)}"
            )
        if time.monotonic() > deadline:
            raise LocalStackError(
                f"the local {server.name} gave no answer in {_READY_SECONDS} s. {_last_words(server)}"
            )
        time.sleep(0.05)


def _last_words(server: KafkaServer | RedisServer) -> str:
    """The end of what the server wrote, for the error message."""
    for file in (_output(server), server.log_file):
        if file.exists() and (lines := file.read_text(errors="replace").splitlines()[-5:]):
            return f"It wrote to {file}:\n" + "\n".join(f"  {line}" for line in lines)
    return f"It wrote nothing to {server.log_file}"


def _output(server: KafkaServer | RedisServer) -> Path:
    return server.logs / f"{server.name}.out"


def _pid_file(server: KafkaServer | RedisServer) -> Path:
    return server.home.parent / f"{server.name}.pid"


def _endpoints(state_dir: Path, names: list[str]) -> Endpoints:
    """Where the named servers of this state directory listen."""
    remembered = state.recall(state_dir)
    ports = remembered.ports
    redis = "redis" in names
    return Endpoints(
        bootstrap_servers=f"{LOOPBACK}:{ports['kafka']}" if "kafka" in names else None,
        redis_host=LOOPBACK if redis else None,
        redis_port=ports["redis"] if redis else None,
        redis_password=remembered.redis_password if redis else None,
    )
