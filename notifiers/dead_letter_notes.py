"""Says in Slack that records were put aside: at most once a minute, how many from where, and never what is in them.

A letter counts as told when Slack has taken its note or has refused it for good, and is read again otherwise. No note
ever becomes a dead letter, so that notes cannot go round in circles: one that fails is a line in the log. A process that
dies between Slack's answer and its own commit says the same again.
"""

import asyncio

from collections.abc import Collection, Iterable
from typing import Any

import structlog

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from config.kafka_options import group_options, stopped
from config.settings import KafkaSettings
from notifiers import metrics
from notifiers.contract import Delivered, Retry, Sender
from notifiers.slack import Method, SlackCall
from notifiers.tally import EVERY, Tally
from state.turns import RedisTurns
from streams.records.dead_letter import noted_offset, origin_of
from streams.topics import Topic, topic_name


log = structlog.get_logger("ackline.notifiers")

GROUP = "notifiers-dead-letters"

_POLL_MS = 500
_CONNECT_SECONDS = 15
_PAUSE_SECONDS = 5.0


class DeadLetterNotes:
    """Counts dead letters, and tells of them in one channel."""

    def __init__(self, kafka: KafkaSettings, *, sender: Sender[SlackCall], turns: RedisTurns, channel_id: str) -> None:
        self._kafka = kafka
        self._sender = sender
        self._turns = turns
        self._channel_id = channel_id
        self._topics = {topic_name(kafka.topic_prefix, topic): str(topic) for topic in Topic}
        self._tally = Tally()
        """Read, and not told yet. None of it is committed."""
        self._trouble: str | None = None
        """What is wrong with Kafka; None while all is well."""

    async def run(self, stop: asyncio.Event) -> None:
        """Tell until told to stop. Nothing that goes wrong here is worth ending the process for."""
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._keep_following())
            await stop.wait()
            following.cancel()

    def forget(self) -> None:
        """What is not told yet is read again, by us or by somebody else."""
        self._tally.forget()

    async def _keep_following(self) -> None:
        while True:
            consumer = self._consumer()
            self.forget()
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await consumer.start()
                self._trouble = None
                await self._follow(consumer)
            except (KafkaError, OSError, TimeoutError) as problem:
                self._troubled(problem)
            except Exception:
                log.exception("dead_letter_notes_failed")
            finally:
                await _closed(consumer)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        name = topic_name(self._kafka.topic_prefix, Topic.DEAD_LETTERS)
        consumer.subscribe([name], listener=_Rebalances(self))
        while True:
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                self._count(records)
            if self._tally.is_due(_now()):
                await self._tell(consumer)

    def _count(self, records: Iterable[Any]) -> None:
        for record in records:
            if noted_offset(record.headers) is None:
                # A letter may name any topic; what others write is not repeated in Slack.
                self._tally.add(self._topics.get(origin_of(record.headers).topic, "elsewhere"), _now())

    async def _tell(self, consumer: AIOKafkaConsumer) -> None:
        if not await self._turns.take("dead-letter-note", EVERY):
            self._tally.wait_for_turn(_now())
            return
        self._tally.take_turn(_now())
        if not await self._is_settled():
            return
        self.forget()
        try:
            await consumer.commit()
        except (CommitFailedError, IllegalStateError) as problem:
            # The partitions went to somebody else meanwhile, who will tell of the same letters.
            log.info("commit_came_too_late", topic=Topic.DEAD_LETTERS, reason=str(problem))

    async def _is_settled(self) -> bool:
        """Whether nothing more can be done about this note."""
        letters, text = self._tally.counts.total(), self._tally.text()
        arguments = {"channel": self._channel_id, "text": text, "unfurl_links": False, "unfurl_media": False}
        outcome = await self._sender.send(SlackCall(Method.POST, arguments))
        if isinstance(outcome, Delivered):
            metrics.DELIVERED.labels("slack", "dead_letter_note").inc()
            return True
        counter = metrics.RETRIED if isinstance(outcome, Retry) else metrics.REJECTED
        counter.labels("slack", outcome.reason).inc()
        log.warning(
            "dead_letter_note_not_told", letters=letters, reason=outcome.reason, detail=outcome.detail,
            hint="`ackline dead-letters list` shows what was put aside",
        )  # fmt: skip
        return not isinstance(outcome, Retry)

    def _troubled(self, problem: BaseException) -> None:
        known, self._trouble = self._trouble, f"{type(problem).__name__} {problem}".strip()
        if self._trouble != known:
            log.warning("dead_letters_not_followed", reason=self._trouble)

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(**group_options(self._kafka, GROUP))


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped.
    """After a rebalance everything that is not committed is read again."""

    def __init__(self, notes: DeadLetterNotes) -> None:
        self._notes = notes

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002
        self._notes.forget()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Nothing."""


async def _closed(consumer: AIOKafkaConsumer) -> None:
    if problem := await stopped(consumer):
        log.warning("kafka_not_closed", reason=problem)


def _now() -> float:
    return asyncio.get_running_loop().time()
