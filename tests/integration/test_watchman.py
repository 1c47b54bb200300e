"""A real streams worker that goes wrong inside, while its consumer goes on sending heartbeats: it says so."""

import asyncio

from pathlib import Path
from typing import Any

import pytest

import ackline.liveness

from ackline.liveness import verdict
from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from streams.service import Streams
from streams.topics import Topic
from streams.watchman import Watchman
from tests.edge import running, settings_for, until
from tests.integration.streams_world import alert, from_ingest, send
from tests.log import wait_for_records


RED_SECONDS = 15
"""Within this a worker must say what is wrong."""


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a test."""
    monkeypatch.setattr(ackline.liveness, "LONGEST_STANDSTILL_SECONDS", 3.0)


async def a_worker(stack: Endpoints, prefix: str, data: Path) -> Streams:
    settings = settings_for(stack, prefix)
    await ensure_topics(settings.kafka)
    return Streams(settings, data)


async def is_well(role: Streams) -> bool:
    """It works, and says that it lives."""
    ticks = any(part.startswith("ticks") for part in role.liveness())
    return ticks and set(role.health().values()) == {"ok"} and set(verdict(role.liveness()).values()) == {"ok"}


async def wrong(role: Streams, part: str) -> list[str]:
    """What is wrong with the parts that begin so."""
    return [said for name, said in verdict(role.liveness()).items() if name.startswith(part) and said != "ok"]


def actors(role: Streams, name: str) -> list[Any]:
    assert role._worker is not None
    (agent,) = [each for each in role._worker.app.agents.values() if each.name.endswith(name)]
    supervisor: Any = agent.supervisor
    supervisor.restart_services = _nothing  # nobody starts it again
    return list(agent._actors)


async def test_a_worker_at_work_lives(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """From before its start, through its recovery and its work."""
    role = await a_worker(stack, topic_prefix, tmp_path)
    before = verdict(role.liveness())
    async with running(role):
        await until(lambda: is_well(role))
        await send(role._settings, from_ingest(alert(oncall_wait_minutes=0)))
        await wait_for_records(role._settings, Topic.PAGERDUTY_EVENTS, 1)

        assert await is_well(role)
    assert {} == before


async def test_an_agent_that_is_dead_is_told(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """Its task has ended, and the consumer beside it fetches on."""
    role = await a_worker(stack, topic_prefix, tmp_path)
    async with running(role):
        await until(lambda: is_well(role))
        for actor in actors(role, "timer"):
            actor.actor_task.cancel()

        told = await until(lambda: wrong(role, "agent timer"), RED_SECONDS)

    assert told


async def test_ticks_that_stand_still_are_told(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """Whatever holds them up: here the clock sends none any more."""
    role = await a_worker(stack, topic_prefix, tmp_path)
    async with running(role):
        await until(lambda: is_well(role))
        assert role._worker is not None
        role._worker.clock.tick = _nothing

        told = await until(lambda: wrong(role, "ticks"), RED_SECONDS)

    assert told


async def test_commits_that_stand_still_are_told(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """Though there is something to commit, and everything else goes on."""
    role = await a_worker(stack, topic_prefix, tmp_path)
    async with running(role):
        await until(lambda: is_well(role))
        assert role._worker is not None
        consumer: Any = role._worker.app.consumer
        taken, consumer._new_offset = consumer._new_offset, lambda _place: None
        await send(role._settings, from_ingest(alert()))

        told = await until(lambda: wrong(role, "commits"), RED_SECONDS)
        consumer._new_offset = taken

    assert told


async def test_without_a_broker_nothing_is_wrong_with_a_worker(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """A restart would not bring it back: what stood still is let off as soon as no broker answers."""
    role = await a_worker(stack, topic_prefix, tmp_path)
    away = role._settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    async with running(role):
        await until(lambda: is_well(role))
        assert role._worker is not None
        watchman = Watchman(role._worker, away)
        task = asyncio.create_task(watchman.keep())

        async def lets_off() -> bool:
            return watchman.kafka_trouble is not None and {"watchman"} == set(watchman.liveness())

        await until(lets_off)
        task.cancel()


async def _nothing(*_: object) -> None:
    """No tick."""
