"""`ackline export`: what the topics hold, in one file whose every change is found."""

import asyncio
import contextlib
import signal
import time

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from ackline.configuration import load_for_a_role
from ackline.progress import progress
from audit.bundle_lines import End, Manifest
from audit.bundle_write import BundleExistsError, refuse_existing, writing_bundle
from audit.topics_source import TopicsUnreadableError, line_of, reading_topics
from config.load import ConfigError
from config.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    manifest: Manifest
    end: End
    head: str


def run_export(
    config: Path, state_dir: Path, *, path: Path, from_ms: int | None, to_ms: int | None, force: bool
) -> bool:
    """Write the export and tell its head; false, and no file, where that cannot be."""
    try:
        refuse_existing(path, force=force)
        kafka = load_for_a_role(config, state_dir).settings.kafka
        done = asyncio.run(export(kafka, path, from_ms=from_ms, to_ms=to_ms, force=force))
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
    except (BundleExistsError, TopicsUnreadableError) as error:
        click.echo(str(error), err=True)
    except ValueError as error:
        click.echo(f"Kafka's topics were replaced while they were read: {error}. Try again.", err=True)
    except OSError as error:
        click.echo(f"{path}: cannot be written ({error.strerror or error})", err=True)
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo(f"stopped; {path} was not written", err=True)
    else:
        for line in told(done, path):
            click.echo(line)
        return True
    return False


async def export(
    kafka: KafkaSettings, path: Path, *, from_ms: int | None, to_ms: int | None, force: bool = False
) -> Exported:
    """Write what the topics hold of this time, as of now.

    Raises:
        TopicsUnreadableError: Kafka does not answer.
        BundleExistsError: the file exists, and `force` is false.
        ValueError: a topic was replaced meanwhile.
        OSError: the file cannot be written.
    """
    async with reading_topics(kafka, from_ms=from_ms, to_ms=to_ms) as source:
        manifest = Manifest(
            created_ms=time.time_ns() // 1_000_000, topic_prefix=kafka.topic_prefix, from_ms=from_ms, to_ms=to_ms,
            ranges=source.ranges,
        )  # fmt: skip
        with (
            stoppable(),
            writing_bundle(path, manifest, force=force) as writer,
            progress("Exporting", source.size) as step,
        ):
            async for topic, record in source.records():
                writer.add(line_of(topic, record))
                step()
    return Exported(manifest, writer.end, writer.head)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGINT and SIGTERM cancel the task that is in this block.

    An exception out of a signal's handler is raised wherever Python is just then, also where nobody can take it up.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, task.cancel)
    try:
        yield
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


def told(done: Exported, path: Path) -> Iterator[str]:
    """What is in the file, and what to do with its head."""
    yield from contents(done.manifest, done.end)
    asked = sum(each.end - each.begin for each in done.manifest.ranges)
    if asked > done.end.records:
        yield (
            f"{asked - done.end.records:,} offsets of the range hold no record (any more): Kafka deletes what is too old"
        )
    yield f"{path}: {path.stat().st_size:,} bytes"
    yield f"head {done.head}"
    yield "Keep the head apart from the file: --head proves with it that not even all of it was written anew."


def contents(manifest: Manifest, end: End) -> Iterator[str]:
    """A line for each topic: how many records, and of which time."""
    topics = dict.fromkeys(each.topic for each in manifest.ranges)
    for topic in topics:
        found = [each for each in end.partitions if each.topic is topic]
        count = sum(each.records for each in found)
        span = (
            f"{when(min(each.first_ms for each in found))} to {when(max(each.last_ms for each in found))}"
            if found
            else ""
        )
        yield f"{manifest.topic_prefix + topic:<32} {count:>12,}  {span}"
    yield f"{'':<32} {end.records:>12,} records"


def when(at_ms: int) -> str:
    """A time as people and programs read it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
