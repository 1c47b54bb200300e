"""Writes what decisions want written, and returns only when Kafka has it on all replicas.

Together with `streams.reliable.table` this is law 1: effects first, then state, then the commit.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import faust

from faust.types import EventT

from streams.codec import encode
from streams.decide.effects import Effect
from streams.records import Millis, Tick
from streams.records.dead_letter import DEAD_LETTERS, UNUSABLE, letter_of
from streams.reliable.producer import Outgoing
from streams.reliable.pulse import Pulse
from streams.topics import Topic, topic_name


class Outbox:
    """The way out of both agents."""

    def __init__(self, app: faust.App, pulse: Pulse, *, prefix: str, slack: bool) -> None:
        self._app = app
        self._pulse = pulse
        self._prefix = prefix
        self._slack = slack

    async def publish(self, effects: Iterable[Effect]) -> None:
        """Write all of them, in order, and wait until they are durable.

        Raises:
            FrozenError: this worker may have lost its partitions. It must write nothing more, its tables included.
            Exception: whatever Kafka refused one of them with. Nothing of the batch may be committed then.
        """
        self._pulse.check()
        wanted = [effect for effect in effects if self._slack or effect.topic is not Topic.SLACK_NOTIFICATIONS]
        await self._write([Outgoing(self._name(each.topic), each.key.encode(), encode(each.record)) for each in wanted])
        self._pulse.check()

    async def bury(self, event: EventT[bytes], reason: str) -> None:
        """Put a record that cannot be used into `dead-letters`: its own bytes, with where it was and why."""
        letter = letter_of(event.message, reason)
        sent = await self._app.producer.send(
            self._name(Topic.DEAD_LETTERS), letter.key, letter.value, None, None, letter.headers
        )
        await sent
        DEAD_LETTERS.labels(event.message.topic.removeprefix(self._prefix), UNUSABLE).inc()

    async def tick(self, partitions: Iterable[int], now_ms: Millis) -> None:
        """Tell the timer of each partition what time it is."""
        value = encode(Tick(now_ms=now_ms))
        await self._write([Outgoing(self._name(Topic.TICKS), None, value, partition) for partition in partitions])

    async def _write(self, records: Sequence[Outgoing]) -> None:
        producer: Any = self._app.producer
        await producer.write(records)

    def _name(self, topic: Topic) -> str:
        return topic_name(self._prefix, topic)
