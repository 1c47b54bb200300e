"""Watches a worker from inside: its agents, its ticks, its commits and its recovery.

Closes: Faust's consumer has a thread of its own, so the broker hears heartbeats of a worker whose agents are dead. What
stands still while no broker answers is nobody's fault here: a restart would not mend it, and only cost a recovery.
"""

import asyncio
import math
import time

from collections.abc import Hashable
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted

from config.kafka_options import client_options, stopped
from config.settings import KafkaSettings
from streams.app import Worker
from streams.standstill import Standstill


_LOOK_SECONDS = 1.0
_ASK_SECONDS = 3.0
_ANSWER_SECONDS = 5.0
_SETTLED_SECONDS = 20.0
"""After an outage a worker needs so long until it reads again; only then is it looked at."""


class Watchman:
    """Looks at a worker every second."""

    def __init__(self, worker: Worker, kafka: KafkaSettings) -> None:
        self._worker = worker
        self._kafka = kafka
        self._standstill = Standstill()
        self._looked = time.monotonic()
        self._reached = -math.inf
        self.kafka_trouble: str | None = None
        """What is wrong with Kafka; None while all is well."""

    async def keep(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_asking())
            tasks.create_task(self._keep_looking())

    def liveness(self) -> dict[str, float]:
        """For how many seconds each part has stood still."""
        now = time.monotonic()
        return {"watchman": now - self._looked, **self._standstill.seconds(now)}

    async def _keep_looking(self) -> None:
        while True:
            self._looked = now = time.monotonic()
            is_settled = self.kafka_trouble is None and now - self._reached > _SETTLED_SECONDS
            self._standstill.look(self._what_must_move() if is_settled else {}, now)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _keep_asking(self) -> None:
        """Ask whether a broker answers, as somebody who has nothing to do with the worker."""
        while True:
            consumer = AIOKafkaConsumer(group_id=None, **client_options(self._kafka))
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await consumer.start()
                while True:
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        await consumer.topics()
                    if self.kafka_trouble is not None:
                        self.kafka_trouble, self._reached = None, time.monotonic()
                    await asyncio.sleep(_ASK_SECONDS)
            except (KafkaError, OSError, TimeoutError) as problem:
                self.kafka_trouble = f"no broker of {self._kafka.bootstrap_servers} answers ({type(problem).__name__})"
            finally:
                await stopped(consumer)
            await asyncio.sleep(_ASK_SECONDS)

    def _what_must_move(self) -> dict[str, Hashable]:
        app = self._worker.app
        if not app.started or app.rebalancing or app.in_recovery:
            tables: Any = app.tables
            offsets = (*tables.recovery.active_offsets.values(), *tables.recovery.standby_offsets.values())
            read = sum(offset or 0 for offset in offsets)  # None: where it stands is just being looked up
            return {"recovery": (app.started, app.rebalancing_count, app.rebalancing, app.in_recovery, read)}
        try:
            owned = self._worker.owned_partitions()
        except ConsumerNotStarted:
            return {"start": "consumer"}
        ticks = {f"ticks of {partition}": self._worker.timer.ticked_ms.get(partition) for partition in sorted(owned)}
        # An actor that has died does not move. Where Faust starts another one, it does.
        dead = {f"agent {agent.name}": "dead" for agent in app.agents.values() if not _is_alive(agent)}
        return {**ticks, **dead, **self._unfinished()}

    def _unfinished(self) -> dict[str, Hashable]:
        consumer: Any = self._worker.app.consumer
        return {
            f"commits of {place.topic} {place.partition}": first for place, first in consumer.ledger.first().items()
        }


def _is_alive(agent: Any) -> bool:
    tasks = [actor.actor_task for actor in agent._actors]  # noqa: SLF001  # Faust has no public way to them.
    return any(task is not None and not task.done() for task in tasks)
