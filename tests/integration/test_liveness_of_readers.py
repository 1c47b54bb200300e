"""A role whose reading has stopped says so, though its process lives and its dependencies are well."""

import asyncio

from collections.abc import Mapping
from typing import Any, Protocol

import pytest

import ackline.liveness

from ackline.liveness import verdict
from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from notifiers.service import Notifiers
from projection.service import Projection
from reconciler.service import Reconciler
from streams.codec import encode
from streams.records import Cause, DelayCancelled, Happening, LogEntry, Record
from streams.topics import Topic
from tests.edge import running, settings_for, until
from tests.integration.streams_world import send


COMMON: dict[str, Any] = {"incident_id": "i", "source_key": "s", "at_ms": 1}
ENTRY = LogEntry(**COMMON, role="timer", what=Happening.OPENED, cause=Cause("t", 0, 0))


class Role(Protocol):
    """What is asked of each."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop."""

    def liveness(self) -> Mapping[str, float]:
        """Each part."""

    def health(self) -> Mapping[str, str]:
        """Each dependency."""


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a test."""
    monkeypatch.setattr(ackline.liveness, "LONGEST_STANDSTILL_SECONDS", 3.0)


async def a_deployment(stack: Endpoints, prefix: str) -> Settings:
    settings = settings_for(stack, prefix)
    await ensure_topics(settings.kafka)
    return settings


async def is_well(role: Role) -> bool:
    return set(role.health().values()) == {"ok"} and set(verdict(role.liveness()).values()) == {"ok"}


async def wrong(role: Role) -> set[str]:
    """The parts that do not live."""
    return {part for part, said in verdict(role.liveness()).items() if said != "ok"}


async def never(*_: object) -> Any:
    """What hangs."""
    await asyncio.Event().wait()


def sent(topic: Topic, record: Record) -> tuple[Topic, bytes, bytes]:
    return topic, b"s", encode(record)


async def test_a_notifier_whose_reader_has_ended_is_told(stack: Endpoints, topic_prefix: str) -> None:
    """The other reader goes on, and pages go nowhere."""
    role = Notifiers(await a_deployment(stack, topic_prefix))
    async with running(role):
        await until(lambda: is_well(role))
        readers = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") == "Reader.run"]
        readers[0].cancel()

        told = await until(lambda: wrong(role))

    assert len({part.split()[0] for part in told}) == 1


async def test_a_projection_that_hangs_is_told(stack: Endpoints, topic_prefix: str) -> None:
    """With a Redis that has not failed."""
    role = Projection(await a_deployment(stack, topic_prefix))
    stop = asyncio.Event()
    task = asyncio.create_task(role.run(stop))
    await until(lambda: is_well(role))
    role._writer.apply = never  # type: ignore[method-assign]
    await send(await a_deployment(stack, topic_prefix), sent(Topic.INCIDENT_LOG, ENTRY))

    told = await until(lambda: wrong(role))
    task.cancel()
    await asyncio.wait({task})

    assert {"reading"} == told


async def test_a_reconciler_that_reads_nothing_is_told(stack: Endpoints, topic_prefix: str) -> None:
    """Though there is something to read: a recovery without an end looks the same."""
    settings = await a_deployment(stack, topic_prefix)
    role = Reconciler(settings)
    async with running(role):
        await until(lambda: is_well(role))
        assert role._watch is not None
        consumer = role._watch._reading._consumer
        consumer.pause(*consumer.assignment())
        role._watch._reading._balance = lambda: None  # type: ignore[method-assign]
        await send(settings, sent(Topic.DELAYS, DelayCancelled(**COMMON, event_id="e")))

        told = await until(lambda: wrong(role))

    assert {"records"} == told
