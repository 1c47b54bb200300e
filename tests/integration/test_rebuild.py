"""The read model anew from the incident log, while the projection goes on: equal to what the log says, key by key."""

import asyncio
import random
import time

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from redis.asyncio import Redis

from ackline.local_stack import Endpoints
from ackline.rebuild_command import rebuild
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from projection.project import project
from projection.service import Projection
from state.client import connect
from state.read_model import Writer
from streams.records import Happening, LogEntry
from tests.edge import an_incident, log_entry, running, settings_for, until, write_log
from tests.integration.test_cli import ackline, config_for


H = Happening


@pytest.fixture
def settings(stack: Endpoints, topic_prefix: str) -> Settings:
    return settings_for(stack, topic_prefix)


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    redis = connect(settings.redis)
    yield redis
    await redis.aclose()


def history(settings: Settings, incidents: int) -> list[LogEntry]:
    """What happens to many incidents in an hour, each in its order, and then much of it again, by another clock."""
    chance = random.Random(3)
    begin_ms = time.time_ns() // 1_000_000 - 3_600_000
    entries = []
    for number in range(incidents):
        incident, _ = an_incident(settings, f"e{number}")
        at_ms = begin_ms
        for offset, what in enumerate(chance.sample(list(H), chance.randrange(2, len(H)))):
            at_ms += chance.randrange(100_000)
            more = {"alias": f"{incident[:25]}{'b' * 26}"} if what is H.REPEATED else {}
            entries.append(log_entry(incident, what, offset=offset, at_ms=at_ms, **more))
    again = chance.sample(entries, len(entries) // 2)
    return entries + [msgspec.structs.replace(each, at_ms=each.at_ms + chance.randrange(-50, 50)) for each in again]


async def model(redis: Redis, prefix: str) -> dict[str, object]:
    """Every key below a prefix with its value."""
    found: dict[str, object] = {}
    async for key in redis.scan_iter(f"{prefix}*"):
        kind = await redis.type(key)
        readers = {b"hash": redis.hgetall, b"string": redis.get,
                   b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True)}  # fmt: skip
        found[key.decode().removeprefix(prefix)] = await readers[kind](key)
    return found


async def folded(settings: Settings, redis: Redis, entries: list[LogEntry]) -> dict[str, object]:
    """What these entries say, written by themselves and in their order."""
    prefix = f"alone{len(entries)}:{settings.redis.key_prefix}"
    writer = Writer(redis, prefix=prefix, open_for=settings.incident.quiet_after)
    await writer.apply(update for entry in entries for update in project(entry))
    return await model(redis, prefix)


async def test_a_rebuild_beside_the_projection_ends_with_what_the_log_says(settings: Settings, redis: Redis) -> None:
    """Redis comes back empty, the projection goes on from where it was, and a rebuild fills in what is behind that."""
    await ensure_topics(settings.kafka)
    entries, prefix = history(settings, 60), settings.redis.key_prefix
    third = len(entries) // 3
    past, present, future = entries[: 2 * third], entries[2 * third : -third // 2], entries[-third // 2 :]

    async with running(Projection(settings)):
        await write_log(settings, *past)
        before = await folded(settings, redis, past)
        await until(lambda: equal(redis, prefix, before))
        await redis.delete(*[key async for key in redis.scan_iter(f"{prefix}*")])
        await write_log(settings, *present)
        lost = await folded(settings, redis, present)
        await until(lambda: equal(redis, prefix, lost))

        done, _ = await asyncio.gather(rebuild(settings), write_log(settings, *future))
        wanted = await folded(settings, redis, entries)
        rebuilt = await until(lambda: equal(redis, prefix, wanted))

    assert wanted == rebuilt
    assert rebuilt not in (before, lost)
    assert len(past + present) <= done.entries <= len(entries)
    assert {"incident", "timeline", "incidents", "open", "alias"} == {key.split(":")[0] for key in rebuilt}


async def equal(redis: Redis, prefix: str, wanted: dict[str, object]) -> dict[str, object] | None:
    found = await model(redis, prefix)
    return found if found == wanted else None


async def test_the_command_says_how_much_and_changes_nothing_again(
    settings: Settings, redis: Redis, stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """What is no entry is counted; no consumer group is left; a second run writes the same."""
    await ensure_topics(settings.kafka)
    await write_log(settings, *history(settings, 3), b"no json")
    config = config_for(stack, tmp_path, topic_prefix, partitions=2)
    config.write_text(config.read_text().replace("redis: {", f"redis: {{key_prefix: {topic_prefix}, "))

    first = ackline("rebuild", "--config", config)
    before = await model(redis, topic_prefix)
    second = ackline("rebuild", "--config", config)

    assert (0, 0) == (first.returncode, second.returncode)
    assert (
        f"{len(history(settings, 3)):,} entries of the incident log (passed over, being no entries: 1) in "
        in first.stdout
    )
    assert {} != before == await model(redis, topic_prefix)


async def test_without_redis_it_says_so(
    settings: Settings, stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """And that it can be run again."""
    await ensure_topics(settings.kafka)
    await write_log(settings, *history(settings, 1))
    away = Endpoints(stack.bootstrap_servers, "127.0.0.1", 1, "")

    done = ackline("rebuild", "--config", config_for(away, tmp_path, topic_prefix, partitions=2))

    assert 1 == done.returncode
    assert "Run it again: nothing is doubled" in done.stderr
    assert "Traceback" not in done.stderr
