"""`ackline check`: tries everything that a start would need, and tells each problem with its place in the config."""

import asyncio

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

from redis.exceptions import AuthenticationError, RedisError, ResponseError

from ackline.configuration import NOTHING_LOCAL, load_with
from ackline.local_stack import running_stack
from ackline.topics_admin import TopicReport, TopicsError, inspect_topics, missing_topics, refuse_wrong_partitions
from config.load import ConfigError
from config.settings import Settings
from state.client import connect


_PATIENCE = timedelta(seconds=5)
_REDIS_TIMEOUT = timedelta(seconds=5)

Tell = Callable[[str], None]


def run_check(config: Path, state_dir: Path, tell: Tell) -> bool:
    """Whether a start would succeed; everything worth knowing is told on the way."""
    try:
        loaded = load_with(config, running_stack(state_dir) or NOTHING_LOCAL)
    except ConfigError as error:
        for problem in error.problems:
            tell(f"✗ {problem}")
        return False
    tell(f"✓ {config} is valid")
    for warning in loaded.warnings:
        tell(f"! {warning}")
    problems = asyncio.run(_connections(loaded.settings, tell))
    for problem in problems:
        tell(f"✗ {problem}")
    return not problems


async def _connections(settings: Settings, tell: Tell) -> list[str]:
    checks: list[Awaitable[str | None]] = []
    if settings.kafka.bootstrap_servers is None:
        tell("! kafka.bootstrap_servers: names no Kafka; `ackline up` starts a local one")
    else:
        checks.append(_kafka_problem(settings, tell))
    if settings.redis.host is None:
        tell("! redis.host: names no Redis; `ackline up` starts a local one")
    else:
        checks.append(_redis_problem(settings, tell))
    return [problem for problem in await asyncio.gather(*checks) if problem]


async def _kafka_problem(settings: Settings, tell: Tell) -> str | None:
    try:
        reports = await inspect_topics(settings.kafka, patience=_PATIENCE)
        refuse_wrong_partitions(reports)
    except TopicsError as error:
        return str(error)
    tell(f"✓ Kafka answers at {settings.kafka.bootstrap_servers}")
    for line in _differences(reports):
        tell(f"! {line}")
    return missing_topics(reports)


def _differences(reports: list[TopicReport]) -> Iterator[str]:
    for report in reports:
        for difference in report.differences:
            yield f"topic {report.spec.name}: {difference}"


async def _redis_problem(settings: Settings, tell: Tell) -> str | None:
    redis = connect(settings.redis.model_copy(update={"timeout": _REDIS_TIMEOUT}))
    where = f"{settings.redis.host}:{settings.redis.port}"
    try:
        await redis.ping()
    except (AuthenticationError, ResponseError) as error:
        return f"redis.password: Redis at {where} refuses it ({error})"
    except (RedisError, OSError) as error:
        return f"redis.host: no Redis answers at {where} ({type(error).__name__}); does it run, and is redis.tls right?"
    finally:
        await redis.aclose()
    tell(f"✓ Redis answers at {where}")
    return None
