"""Runs one role as this process: its config, its logs, its signals, and one clear line when it cannot go on.

SIGTERM and Ctrl-C let the role finish what it has begun; a second one ends the process at once, which loses nothing
but time, since every role can be killed at any moment.
"""

import asyncio
import gc
import os
import signal

from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import structlog
import uvloop

from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from ackline.configuration import load_for_a_role
from ackline.exits import EXIT_CONFIG, EXIT_FAILED, EXIT_KILLED
from ackline.health import health_server
from ackline.logs import configure_logs, secrets_of
from config.load import ConfigError
from config.settings import Settings


log = structlog.get_logger("ackline.roles")


class Role(Protocol):
    """What every long-running part of the pipeline can do."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set and all is drained; raise what cannot be survived."""

    def liveness(self) -> Mapping[str, float]:
        """Each part that only a restart can mend: for how many seconds it has stood still with something to do."""

    def health(self) -> Mapping[str, str]:
        """Each part or dependency: "ok", or a sentence of what is wrong."""


# Each role is imported only in its own process: none pays for the libraries of the others.


def _ingest(settings: Settings, _state_dir: Path) -> Role:
    from ingest.service import Ingest  # noqa: PLC0415

    return Ingest(settings)


def _streams(settings: Settings, state_dir: Path) -> Role:
    from streams.service import Streams  # noqa: PLC0415

    return Streams(settings, state_dir / "streams")


def _notifiers(settings: Settings, _state_dir: Path) -> Role:
    from notifiers.service import Notifiers  # noqa: PLC0415

    return Notifiers(settings)


def _projection(settings: Settings, _state_dir: Path) -> Role:
    from projection.service import Projection  # noqa: PLC0415

    return Projection(settings)


def _reconciler(settings: Settings, _state_dir: Path) -> Role:
    from reconciler.service import Reconciler  # noqa: PLC0415

    return Reconciler(settings)


ROLES: Mapping[str, Callable[[Settings, Path], Role]] = {
    "streams": _streams,
    "notifiers": _notifiers,
    "projection": _projection,
    "reconciler": _reconciler,
    "ingest": _ingest,
}
"""Every role of the pipeline; ingest last, so that what it lets in finds the others up."""


def run_role(name: str, config: Path, state_dir: Path, health: tuple[str, int] | None) -> int:
    """Run a role until it is told to stop; returns the exit code."""
    configure_logs(name)
    try:
        loaded = load_for_a_role(config, state_dir)
    except ConfigError as error:
        for problem in error.problems:
            log.error("config_refused", problem=problem)  # noqa: TRY400  # the traceback says nothing more
        return EXIT_CONFIG
    configure_logs(name, secrets_of(loaded.settings))
    for warning in loaded.warnings:
        log.warning("config_doubtful", problem=warning)
    return run_until_signalled(lambda: _with_little_garbage(ROLES[name](loaded.settings, state_dir)), health)


def _with_little_garbage(role: Role) -> Role:
    # A batch of records is many objects that are no garbage yet, and Python would look at them after each seven hundred.
    gc.freeze()
    gc.set_threshold(50_000)
    return role


def run_until_signalled(make_role: Callable[[], Role], health: tuple[str, int] | None = None) -> int:
    """Run a role on a loop of its own; returns the exit code. `health`: where it is to tell how it is."""
    try:
        uvloop.run(_serve(make_role, health))
    except Exception as problem:  # noqa: BLE001  # the last to hear of it: whatever it is, it must be told
        tell_failure(problem)
        return EXIT_FAILED
    return 0


async def _serve(make_role: Callable[[], Role], health: tuple[str, int] | None) -> None:
    stop = stop_on_signals()
    role = make_role()
    async with AsyncExitStack() as beside:
        if health is not None:
            host, port = health
            port = await beside.enter_async_context(health_server(role, port, host))
            log.info("health_listening", port=port)
        log.info("role_started")
        try:
            await role.run(stop)
        except Exception as problem:  # noqa: BLE001  # the last to hear of it: whatever it is, it must be told
            tell_failure(problem)
            # What has failed may leave tasks and threads that never end. The process must, or nobody starts it anew.
            os._exit(EXIT_FAILED)
    log.info("role_stopped")


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; the second of them ends the process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(EXIT_KILLED)
        stop.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, on_signal)
    return stop


def tell_failure(problem: BaseException) -> None:
    """One line for what the world did to us; with the traceback for what looks like a bug of ours."""
    causes = list(_causes(problem))
    is_expected = all(isinstance(cause, OSError | KafkaError | RedisError) for cause in causes)
    reason = "; ".join(f"{type(cause).__name__}: {cause}" for cause in causes)
    log.error("role_failed", reason=reason, exc_info=None if is_expected else problem)


def _causes(problem: BaseException) -> Iterator[BaseException]:
    if isinstance(problem, BaseExceptionGroup):
        for each in problem.exceptions:
            yield from _causes(each)
    else:
        yield problem
