"""A table's disk never knows more than Kafka: a worker that dies in between forgets nothing that Kafka should have."""

import asyncio

from pathlib import Path
from typing import Any

import pytest

from ackline.local_stack import Endpoints
from ackline.topic_access import records_in
from ackline.topics_admin import ensure_topics
from streams.reliable.table import DurableTable
from streams.service import Streams
from streams.topics import Table, Topic, changelog_name
from tests.edge import running, settings_for, until
from tests.integration.streams_world import alert, from_ingest, send
from tests.integration.test_faust_rules import ends, limit
from tests.log import value_of, wait_for_records


async def test_a_row_that_kafka_refused_is_written_when_it_takes_it(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """On the disk alone it would look as if nothing was left to write, and be gone with the disk."""
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    changelog = changelog_name(topic_prefix, Table.INCIDENTS)
    await limit(settings, changelog, 100)
    await send(settings, from_ingest(alert(dedup_key="d" * 400)))
    code, _ = await ends(settings, tmp_path)
    assert code == 1

    await limit(settings, changelog, 1024 * 1024)

    async def has_a_row() -> bool:
        return bool([record async for record in records_in(settings.kafka, [changelog]) if record.value])

    async with running(Streams(settings, tmp_path / "state" / "streams")):
        await until(has_a_row)


async def test_a_worker_that_dies_when_kafka_has_a_row_and_its_disk_has_not_goes_on(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has forgotten it reads in the changelog, and pages once."""
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    await send(settings, from_ingest(alert("Disk full", oncall_wait_minutes=0)))
    with monkeypatch.context() as patched:
        patched.setattr(DurableTable, "_put", _dies)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(Streams(settings, tmp_path).run(asyncio.Event()), 30)

    async with running(Streams(settings, tmp_path)):
        pages = await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)

    assert {"Disk full"} == {value_of(page)["payload"]["title"] for page in pages}
    assert 1 == len({value_of(page)["dedup_key"] for page in pages})


def _dies(_self: DurableTable, *_: Any) -> None:
    raise ZeroDivisionError("a death")
