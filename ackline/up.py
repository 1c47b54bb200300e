"""The whole pipeline in one go: what is needed locally, the topics, then every role as its own process."""

import asyncio
import contextlib
import os
import signal
import sys

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from ackline.configuration import NOTHING_LOCAL, load_with
from ackline.exits import EXIT_CONFIG, EXIT_FAILED
from ackline.local_stack import LocalStack, LocalStackError, local_stack
from ackline.logs import configure_logs, secrets_of
from ackline.roles import ROLES, stop_on_signals
from ackline.supervise import Command, SupervisionError, supervise
from ackline.topics_admin import TopicsError, ensure_topics
from config.load import ConfigError
from config.settings import Settings


log = structlog.get_logger("ackline.up")


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the roles stand on: settings that name a running Kafka and Redis."""

    settings: Settings
    warnings: list[str]
    environ: dict[str, str]
    """For the roles' processes: it names the local servers to them."""
    stack: LocalStack | None
    """What was started here; None where the config names both."""


@contextlib.contextmanager
def grounds(config: Path, state_dir: Path) -> Iterator[Grounds]:
    """Load the config, start locally what it does not name, create the topics; stop what was started at the end.

    To be called from the main thread, outside of any event loop.

    Raises:
        ConfigError: the config cannot be used.
        LocalStackError: Kafka or Redis could not be started.
        TopicsError: the topics could not be created.
    """
    wanted = load_with(config, NOTHING_LOCAL).settings
    kafka, redis = wanted.kafka.bootstrap_servers is None, wanted.redis.host is None
    with contextlib.ExitStack() as cleanup:
        stack = None
        if kafka or redis:
            stack = cleanup.enter_context(local_stack(state_dir, kafka=kafka, redis=redis))
        endpoints = stack.endpoints if stack else NOTHING_LOCAL
        loaded = load_with(config, endpoints)
        asyncio.run(ensure_topics(loaded.settings.kafka))
        yield Grounds(loaded.settings, loaded.warnings, {**os.environ, **endpoints.environ()}, stack)


def role_commands(config: Path, state_dir: Path) -> Sequence[Command]:
    """The processes of the whole pipeline."""
    # -P: a file of the working directory must not pass for one of our packages.
    options = ["--config", str(config), "--state-dir", str(state_dir)]
    return [Command(name, [sys.executable, "-P", "-m", "ackline", name, *options], tells_health=True) for name in ROLES]


def run_up(config: Path, state_dir: Path) -> int:
    """Run the pipeline until told to stop; returns the exit code."""
    configure_logs("up")
    # Until the supervisor listens to signals, a SIGTERM unwinds as an exception, so that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with grounds(config, state_dir) as ready:
            configure_logs("up", secrets_of(ready.settings))
            asyncio.run(_supervise(ready, role_commands(config, state_dir)))
    except ConfigError as error:
        for problem in error.problems:
            log.error("config_refused", problem=problem)  # noqa: TRY400
        return EXIT_CONFIG
    except (LocalStackError, TopicsError, SupervisionError) as error:
        log.error("pipeline_failed", reason=str(error))  # noqa: TRY400
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


async def _supervise(ready: Grounds, commands: Sequence[Command]) -> None:
    stop = stop_on_signals()
    settings = ready.settings
    log.info("pipeline_starting", listens_on=f"{settings.host}:{settings.port}", public_host=settings.public_host)
    await supervise(commands, stop, environ=ready.environ, stack=ready.stack)
    log.info("pipeline_stopped")
