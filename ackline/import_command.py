"""`ackline import`: an export back into an empty Kafka, once every line of it is proved to be what was exported."""

import asyncio
import time

from collections.abc import Iterator
from pathlib import Path

import click

from ackline.configuration import load_for_a_role
from ackline.export_command import contents, when
from ackline.progress import progress
from ackline.topics_admin import (
    TopicReport,
    TopicsError,
    active_groups,
    ensure_topics,
    inspect_topics,
    refuse_wrong_partitions,
)
from ackline.topics_sink import NotTakenError, TopicsSink, writing_topics
from audit.bundle_lines import End, Manifest
from audit.bundle_read import BundleProblem, reading_bundle
from audit.topics_source import TopicsUnreadableError, reading_topics
from config.load import ConfigError
from config.settings import KafkaSettings
from streams.topics import Topic, topic_name


CONSEQUENCES = """\
These topics are to be looked at, and not to be run on: a role that is started on them takes every alert, deadline and
page in them for new, and tells Slack and PAGES PEOPLE for all of it, however old it is. Stop every role first, the
reconciler too, and start none there again."""


class RefusedError(Exception):
    """The import would do harm. The message says which, and what to do."""


def run_import(config: Path, state_dir: Path, *, path: Path, head: str | None, ask: bool) -> bool:
    """Check the file, ask, write; false where something stands in the way, and then nothing is written."""
    try:
        manifest, end = checked(path, head)
        kafka = load_for_a_role(config, state_dir).settings.kafka
        reports = asyncio.run(refuse_harm(kafka, manifest))
        click.echo(
            f"{end.records:,} records to {kafka.bootstrap_servers}, topics {kafka.topic_prefix}…\n{CONSEQUENCES}"
        )
        for line in short_lived(end, reports, time.time_ns() // 1_000_000):
            click.echo(line)
        if ask:
            click.confirm("Go on?", abort=True)
        for line in asyncio.run(import_bundle(kafka, path, manifest, end)):
            click.echo(line)
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
    except (BundleProblem, RefusedError, TopicsError, TopicsUnreadableError, NotTakenError) as error:
        click.echo(str(error), err=True)
    except OSError as error:
        click.echo(f"{path}: cannot be read ({error.strerror or error})", err=True)
    else:
        return True
    return False


def run_check(path: Path, *, head: str | None) -> bool:
    """Say whether the file is what was exported. Needs no config and no Kafka."""
    try:
        checked(path, head)
    except BundleProblem as error:
        click.echo(str(error), err=True)
    except OSError as error:
        click.echo(f"{path}: cannot be read ({error.strerror or error})", err=True)
    else:
        return True
    return False


def checked(path: Path, head: str | None) -> tuple[Manifest, End]:
    """What is in a file, once all of it is read and proved; tells it.

    Raises:
        BundleProblem: it is not what was exported.
    """
    with reading_bundle(path) as bundle, progress("Checking", None) as step:
        end = bundle.check(head, step)
    for line in contents(bundle.manifest, end):
        click.echo(line)
    click.echo(f"head {bundle.head}: {'as given' if head else 'no record is changed, missing, doubled or moved'}")
    if head is None:
        click.echo("Whether all of it was written anew, only --head with the head that the export printed can tell.")
    return bundle.manifest, end


async def refuse_harm(kafka: KafkaSettings, manifest: Manifest) -> list[TopicReport]:
    """Change nothing, and say what stands in the way.

    Raises:
        RefusedError: topics hold records, or somebody consumes them, or they have another number of partitions.
    """
    if manifest.partitions != kafka.partitions:
        raise RefusedError(
            f"kafka.partitions: is {kafka.partitions}, but the export has {manifest.partitions}; set it to that: every "
            "record keeps its partition"
        )
    reports = await inspect_topics(kafka)
    refuse_wrong_partitions(reports)
    if groups := await active_groups(kafka):
        raise RefusedError(f"consumers are running ({', '.join(groups)}); stop every role first\n{CONSEQUENCES}")
    present = {report.spec.name for report in reports if report.found}
    topics = [topic for topic in Topic if topic_name(kafka.topic_prefix, topic) in present]
    async with reading_topics(kafka, topics) as source:
        full = {topic_name(kafka.topic_prefix, each.topic) for each in source.ranges if each.begin < each.end}
    if full:
        raise RefusedError(
            f"not empty: {', '.join(sorted(full))}. Choose an empty Kafka, or another kafka.topic_prefix: records of "
            "two histories cannot be told apart again"
        )
    return reports


async def import_bundle(kafka: KafkaSettings, path: Path, manifest: Manifest, end: End) -> list[str]:
    """Create the topics that are missing and write all records; returns what there is to know about it.

    Raises:
        NotTakenError: Kafka did not take a record; those before it are written.
        TopicsError: the topics could not be created.
    """
    await ensure_topics(kafka)
    sink: TopicsSink | None = None
    try:
        async with writing_topics(kafka) as sink:
            with reading_bundle(path) as bundle, progress("Importing", end.records) as step:
                for line in bundle.lines():
                    await sink.write(line)
                    step()
            await sink.flush()
    finally:
        if sink and sink.written < end.records:
            click.echo(
                f"{sink.written:,} or more of {end.records:,} records are written. Delete the topics "
                f"{kafka.topic_prefix}… before you try again.",
                err=True,
            )
    return list(_notes(kafka, manifest, end, sink.moved))


def _notes(kafka: KafkaSettings, manifest: Manifest, end: End, moved: int) -> Iterator[str]:
    yield f"{end.records:,} records written, each in its partition with its key, bytes, headers and time"
    if moved:
        yield (
            f"{moved:,} of them have another offset than they had, since their partition did not begin at 0 or had "
            "holes. Where the incident log names the record that caused something, it names the old offset: ask the "
            "file, and not these topics, which record caused what."
        )
    if manifest.topic_prefix != kafka.topic_prefix:
        yield f"Where a record names a topic, it names it as it was: {manifest.topic_prefix}…"


def short_lived(end: End, reports: list[TopicReport], now_ms: int) -> Iterator[str]:
    """What will not stay: Kafka goes by the times of the records, and those are old."""
    kept = {report.spec.name: (report.found or report.spec).config.get("retention.ms", "-1") for report in reports}
    for name, retention in kept.items():
        times = [each.first_ms for each in end.partitions if name.endswith(each.topic)]
        oldest_ms = now_ms - int(retention)
        if times and int(retention) >= 0 and min(times) < oldest_ms:
            yield f"{name}: Kafka will soon delete what is older than {when(oldest_ms)}; its retention.ms says so"
