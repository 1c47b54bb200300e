"""`ackline rebuild`: the read model in Redis anew, from the incident log, while everything runs.

It reads the log from its beginning without a consumer group and writes what the projection would write. Of each entry the
read model keeps the earliest copy, whoever writes it and when, so the two may write at the same time. What comes after the
rebuild has begun is the projection's.
"""

import asyncio
import time

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from ackline.configuration import load_for_a_role
from ackline.progress import progress
from audit.topics_source import TopicsUnreadableError, reading_topics
from config.load import ConfigError
from config.settings import Settings
from projection.project import project
from state.client import connect
from state.read_model import Unavailable, Writer
from streams.codec import Unusable, decode
from streams.records import LogEntry
from streams.topics import Topic


_BATCH = 500
_WRITE_TIMEOUT = timedelta(seconds=10)


@dataclass(slots=True)
class Rebuilt:
    """What was read and written."""

    entries: int = 0
    unusable: int = 0
    """Records that are no entries; the projection has put them aside."""
    seconds: float = 0.0


def run_rebuild(config: Path, state_dir: Path) -> bool:
    """Rebuild, and tell how much in how long; false where it could not be finished."""
    try:
        done = asyncio.run(rebuild(load_for_a_role(config, state_dir).settings))
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
    except TopicsUnreadableError as error:
        click.echo(str(error), err=True)
    except Unavailable as error:
        click.echo(f"Redis does not take the read model ({error}). Run it again: nothing is doubled.", err=True)
    else:
        passed_over = f" (passed over, being no entries: {done.unusable:,})" if done.unusable else ""
        click.echo(f"{done.entries:,} entries of the incident log{passed_over} in {done.seconds:.1f} s")
        return True
    return False


async def rebuild(settings: Settings) -> Rebuilt:
    """Write all that the incident log holds now into the read model.

    Raises:
        TopicsUnreadableError: Kafka does not answer.
        Unavailable: Redis does not take it; some of it is written.
    """
    begun, done = time.monotonic(), Rebuilt()
    redis = connect(settings.redis.model_copy(update={"timeout": _WRITE_TIMEOUT}))
    writer = Writer(redis, prefix=settings.redis.key_prefix, open_for=settings.incident.quiet_after)
    try:
        async with reading_topics(settings.kafka, [Topic.INCIDENT_LOG]) as source:
            with progress("Rebuilding", source.size) as step:
                async for batch in _batches(record async for _, record in source.records()):
                    entries = [entry for record in batch if (entry := _entry(record))]
                    await writer.apply(update for entry in entries for update in project(entry))
                    done.entries += len(entries)
                    done.unusable += len(batch) - len(entries)
                    for _ in batch:
                        step()
    finally:
        await redis.aclose()
    done.seconds = time.monotonic() - begun
    return done


def _entry(record: Any) -> LogEntry | None:
    try:
        entry: LogEntry = decode(Topic.INCIDENT_LOG, record.value)
    except Unusable:
        return None
    return entry


async def _batches(records: AsyncIterator[Any]) -> AsyncIterator[list[Any]]:
    batch: list[Any] = []
    async for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
