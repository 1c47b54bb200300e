"""Exports and imports that are stopped in the middle: nothing is left, or it is said what is."""

import signal
import subprocess
import sys
import time

from pathlib import Path

import pytest

from aiokafka import AIOKafkaProducer

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics, inspect_topics
from audit.bundle_lines import Manifest, Range, record_line
from audit.bundle_write import writing_bundle
from audit.record import LogRecord
from audit.topics_source import reading_topics
from config.settings import Settings
from streams.topics import Topic, topic_name
from tests.edge import settings_for, until
from tests.integration.test_cli import ackline, config_for


MANY = 400_000
"""Records that take some seconds to be exported."""


async def fill(settings: Settings, count: int) -> None:
    """Write so many records, in batches as large as they may be: one by one it would take a minute."""
    name = topic_name(settings.kafka.topic_prefix, Topic.ALERTS)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, max_batch_size=1 << 19) as producer:
        written = 0
        while written < count:
            batch = producer.create_batch()
            while written + batch.record_count() < count and batch.append(key=None, value=b"x" * 50, timestamp=None):
                pass
            written += batch.record_count()
            await producer.send_batch(batch, name, partition=0)


@pytest.fixture
def settings(stack: Endpoints, topic_prefix: str) -> Settings:
    return settings_for(stack, topic_prefix)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_stopped_it_leaves_nothing_behind(
    how: signal.Signals, settings: Settings, stack: Endpoints, tmp_path: Path
) -> None:
    """By Ctrl-C or by a supervisor: neither half a file nor a temporary one, and a sentence that says so."""
    await ensure_topics(settings.kafka)
    await fill(settings, MANY)
    config = config_for(stack, tmp_path, settings.kafka.topic_prefix, partitions=2)
    home = tmp_path / "exports"
    home.mkdir()

    command = [sys.executable, "-P", "-m", "ackline", "export", "-o", home / "export", "--config", config]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        await until(lambda: begun(home))
        process.send_signal(how)
        _, told = process.communicate(timeout=20)

    assert 1 == process.returncode
    assert f"stopped; {home / 'export'} was not written\n" == told
    assert [] == list(home.iterdir())


async def test_an_import_that_is_stopped_says_what_is_there(
    settings: Settings, stack: Endpoints, tmp_path: Path
) -> None:
    """Half a history is no history: the topics have to go before another try."""
    path, count = tmp_path / "export", 150_000
    ranges = tuple(Range(Topic.ALERTS, partition, 0, count) for partition in range(2))
    manifest = Manifest(created_ms=1, topic_prefix="t.", from_ms=None, to_ms=None, ranges=ranges)
    with writing_bundle(path, manifest) as writer:
        for offset in range(count):
            writer.add(record_line(LogRecord(Topic.ALERTS, 1, offset, time.time_ns() // 1_000_000, None, b"{}", ())))
    config = config_for(stack, tmp_path, settings.kafka.topic_prefix, partitions=2)

    command = [sys.executable, "-P", "-m", "ackline", "import", path, "--yes", "--config", config]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        await until(lambda: has_some(settings))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    again = ackline("import", path, "--yes", "--config", config)

    assert (1, 1) == (process.returncode, again.returncode)
    assert "or more of 150,000 records are written. Delete the topics" in told
    assert "Traceback" not in told
    assert f"not empty: {settings.kafka.topic_prefix}alerts" in again.stderr


async def has_some(settings: Settings) -> bool:
    reports = await inspect_topics(settings.kafka)
    if not all(report.found and report.found.has_leaders for report in reports):
        return False
    async with reading_topics(settings.kafka, [Topic.ALERTS]) as source:
        return source.size > 0


async def begun(home: Path) -> bool:
    return any(home.iterdir())  # noqa: ASYNC240
