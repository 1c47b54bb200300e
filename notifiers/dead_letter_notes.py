"""Says in Slack that records were put aside: at most once a minute, how many since the last time, and never what is in them.

A letter counts as told when Slack has taken its note or has refused it for good, and is read again otherwise. No note
ever becomes a dead letter, so that notes cannot go round in circles: one that fails is a line in the log. A process that
dies between Slack's answer and its own commit says the same again.
"""

import asyncio

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

import structlog

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from config.kafka_options import client_options
from config.settings import KafkaSettings
from notifiers import metrics
from notifiers.contract import Delivered, Rejected, Sender
from notifiers.render import slack_time
from notifiers.slack import Method, SlackCall
from state.turns import Turns
from streams.records.dead_letter import noted_offset, origin_of
from streams.topics import Topic, topic_name


log = structlog.get_logger("ackline.notifiers")

EVERY = timedelta(minutes=1)
GATHER_SECONDS = 2.0
"""What goes wrong rarely goes wrong once: the first note waits for the others of its moment."""

_ASK_AGAIN_SECONDS = 5.0
_POLL_MS = 500
_CONNECT_SECONDS = 15
_CLOSE_SECONDS = 5
_PAUSE_SECONDS = 5.0


class DeadLetterNotes:
    """Counts dead letters, and tells of them in one channel."""

    def __init__(self, kafka: KafkaSettings, *, sender: Sender[SlackCall], turns: Turns, channel_id: str) -> None:
        self._kafka = kafka
        self._sender = sender
        self._turns = turns
        self._channel_id = channel_id
        self._topics = {topic_name(kafka.topic_prefix, topic): str(topic) for topic in Topic}
        self._counts: Counter[str] = Counter()
        """By topic, what is read and not told yet. None of it is committed."""
        self._since_ms = 0
        self._not_before = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Tell until told to stop. Nothing that goes wrong here is worth ending the process for."""
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._keep_following())
            await stop.wait()
            following.cancel()

    def forget(self) -> None:
        """What is not told yet is read again, by us or by somebody else."""
        self._counts.clear()

    async def _keep_following(self) -> None:
        while True:
            consumer = self._consumer()
            self.forget()
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await consumer.start()
                await self._follow(consumer)
            except (KafkaError, OSError, TimeoutError) as problem:
                log.warning("dead_letters_not_followed", reason=f"{type(problem).__name__} {problem}".strip())
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
            if self._counts and _now() >= self._not_before:
                await self._tell(consumer)

    def _count(self, records: Iterable[Any]) -> None:
        for record in records:
            if noted_offset(record.headers) is not None:
                continue
            if not self._counts:
                self._since_ms = record.timestamp
                self._not_before = max(self._not_before, _now() + GATHER_SECONDS)
            self._counts[self._topics.get(origin_of(record.headers).topic, "elsewhere")] += 1

    async def _tell(self, consumer: AIOKafkaConsumer) -> None:
        if not await self._turns.take("dead-letter-note", EVERY):
            self._not_before = _now() + _ASK_AGAIN_SECONDS
            return
        self._not_before = _now() + EVERY.total_seconds()
        if await self._is_settled(note(self._counts, self._since_ms)):
            self.forget()
            try:
                await consumer.commit()
            except (CommitFailedError, IllegalStateError) as problem:
                # The partitions went to somebody else meanwhile, who will tell of the same letters.
                log.info("commit_came_too_late", topic=Topic.DEAD_LETTERS, reason=str(problem))

    async def _is_settled(self, text: str) -> bool:
        """Whether nothing more can be done about this note."""
        arguments = {"channel": self._channel_id, "text": text, "unfurl_links": False, "unfurl_media": False}
        outcome = await self._sender.send(SlackCall(Method.POST, arguments))
        if isinstance(outcome, Delivered):
            metrics.DELIVERED.labels("slack", "dead_letter_note").inc()
            return True
        log.warning(
            "dead_letter_note_not_told", letters=self._counts.total(), reason=outcome.reason, detail=outcome.detail,
            hint="`ackline dead-letters list` shows what was put aside",
        )  # fmt: skip
        if isinstance(outcome, Rejected):
            metrics.REJECTED.labels("slack", outcome.reason).inc()
            return True
        return False

    def _consumer(self) -> AIOKafkaConsumer:
        session_ms = int(self._kafka.session_timeout.total_seconds() * 1000)
        return AIOKafkaConsumer(
            group_id=f"{self._kafka.topic_prefix}notifiers-dead-letters",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 5,
            metadata_max_age_ms=30_000,
            **client_options(self._kafka),
        )


def note(counts: Counter[str], since_ms: int) -> str:
    """What is said of so many dead letters by topic."""
    total = counts.total()
    what = "1 record was" if total == 1 else f"{total:,} records were"
    where = ", ".join(f"{count:,} from {topic}" for topic, count in counts.most_common())
    return (
        f"⚠️ {what} put aside as dead letters since {slack_time(since_ms)} ({where}). "
        "`ackline dead-letters list` shows why, and `ackline dead-letters retry` tries them again."
    )


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped.
    """After a rebalance everything that is not committed is read again."""

    def __init__(self, notes: DeadLetterNotes) -> None:
        self._notes = notes

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002
        self._notes.forget()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Nothing."""


async def _closed(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await consumer.stop()
    except (KafkaError, OSError, TimeoutError) as problem:
        log.warning("kafka_not_closed", reason=f"{type(problem).__name__} {problem}".strip())


def _now() -> float:
    return asyncio.get_running_loop().time()
