"""Reads one topic and hands its records to lanes. An offset is committed only when everything before it is settled.

Reading goes on while lanes wait, up to a bound for each partition. A record that cannot be read is put aside as a dead
letter, and its partition goes on. A partition that is taken away, and a stop, wait briefly for calls that are on their
way, commit what is settled, and forget the rest.
"""

import asyncio
import contextlib
import time

from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import partial
from typing import Any, Final

import structlog

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from config.kafka_options import group_options, stopped
from config.settings import KafkaSettings
from notifiers import metrics
from notifiers.job import Abandoned, Assignment, Job
from notifiers.lanes import Lanes, Pace, Step
from notifiers.publish import Publisher
from streams.codec import Unusable, decode
from streams.records import LogEntry
from streams.records.dead_letter import UNUSABLE
from streams.topics import Topic, topic_name


log = structlog.get_logger("ackline.notifiers")

MAX_READ_AHEAD: Final = 5_000
MAX_READ_AHEAD_BYTES: Final = 8 * 1024 * 1024
"""Of one partition. What waits for a lane waits in memory, several times as large as on the wire."""

_BATCH = 500
_POLL_MS = 100
_COMMIT_SECONDS = 1.0
_COMMIT_PATIENCE_SECONDS = 5.0
_ASK_SECONDS = 5.0
_CONNECT_SECONDS = 15
_PAUSE_SECONDS = 1.0
_REVOKE_SECONDS = 3.0
_STOP_SECONDS = 10.0
_UNUSABLE_LANE = "unusable records"

Handle = Callable[["Reader", Job], None]
"""Puts a job into the lane that it belongs to."""

_Notes = list[tuple[Job, LogEntry]]


class Reader:
    """One topic, one consumer group."""

    def __init__(self, kafka: KafkaSettings, topic: Topic, group: str, handle: Handle, publisher: Publisher,
                 pace: Pace | None = None) -> None:  # fmt: skip
        self._kafka = kafka
        self._topic = topic
        self._group = group
        self._handle = handle
        self._publisher = publisher
        self._pace = pace
        self._assigned: dict[TopicPartition, Assignment] = {}
        self._lanes: Lanes | None = None
        self._notes: _Notes | None = None
        """What goes to the incident log in the next turn of the loop."""
        self._polled = self._committed = time.monotonic()
        self.trouble: str | None = "not connected yet"
        """What is wrong with Kafka; None while all is well."""

    async def run(self, stop: asyncio.Event) -> None:
        """Read until told to stop, through outages of Kafka."""
        while not stop.is_set():
            consumer = self._consumer()
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await consumer.start()
                await self._work(consumer, stop)
            except (KafkaError, OSError, TimeoutError) as problem:
                self._troubled(problem)
            finally:
                await _closed(consumer)
            if not stop.is_set():
                await asyncio.sleep(_PAUSE_SECONDS)

    def liveness(self) -> dict[str, float]:
        """For how many seconds it has not polled, or not looked after its commits, with nothing wrong with Kafka."""
        if self.trouble is not None:
            return {}
        now = time.monotonic()
        return {f"{self._topic} reading": now - self._polled, f"{self._topic} commits": now - self._committed}

    def put(self, lane: str, job: Job, work: Callable[[Job], Awaitable[None]]) -> None:
        """Do this for a job when its lane has come to it."""
        assert self._lanes is not None
        self._lanes.put(lane, self._step(job, work))

    def finish_with(self, job: Job, note: LogEntry) -> None:
        """Finish a job when the incident log has this. The next of its lane does not wait for it.

        Until then the job is unfinished: its offset is not committed, and it counts in what is read ahead.
        """
        assert self._lanes is not None
        if self._notes is None:
            self._notes = []
            self._lanes.beside(self._write(self._notes), partial(self._written, self._notes))
        job.assignment.begin()
        self._notes.append((job, note))

    async def _write(self, notes: _Notes) -> None:
        """Write what came within one turn of the loop: a task and a time limit for each would cost as much as writing it."""
        self._notes = None
        try:
            await self._publisher.publish_all(Topic.INCIDENT_LOG, [(note.source_key, note) for _job, note in notes])
        except Exception:  # A mistake of ours about one of them must not stop all the others.
            log.exception("notes_failed", notes=len(notes))
            for job, _note in notes:
                await self._put_aside("it was delivered and could not be noted; see the notifier's log")(job)
        else:
            for job, _note in notes:
                job.finish()

    def _written(self, notes: _Notes) -> None:
        if self._notes is notes:
            self._notes = None  # It was given up before it began.
        for job, _note in notes:
            job.assignment.end()

    def turn(self, lane: str) -> float:
        """Take a turn in a lane; seconds to wait for it."""
        assert self._lanes is not None
        return self._lanes.turn(lane)

    def _step(self, job: Job, work: Callable[[Job], Awaitable[None]]) -> Step:
        async def step() -> None:
            if job.abandoned:
                return
            job.assignment.begin()
            try:
                await work(job)
            except Abandoned:
                pass
            finally:
                job.assignment.end()

        return step

    async def _work(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._lanes = Lanes(tasks, self._pace)
            consumer.subscribe(
                [topic_name(self._kafka.topic_prefix, self._topic)], listener=_Rebalances(self, consumer)
            )
            committing = tasks.create_task(self._keep_committing(consumer))
            try:
                await self._read(consumer, stop)
            except KafkaError as problem:
                self._troubled(problem)
            finally:
                await self.let_go(consumer, list(self._assigned), _STOP_SECONDS)
                committing.cancel()
                # What is still on its way after that long is done again by whoever reads next.
                self._lanes.cancel()

    async def _read(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._polled = time.monotonic()
            batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
            for place, messages in batches.items():
                for message in messages:
                    self._take(place, message)
            self._balance(consumer)

    def _take(self, place: TopicPartition, message: Any) -> None:
        assignment = self._assigned.get(place)
        if assignment is None:
            return  # Taken away while it was fetched.
        assignment.progress.began(message.offset, len(message.value or b""))
        job = Job(message, None, assignment, asyncio.get_running_loop().time())
        try:
            job.record = decode(self._topic, message.value)
        except Unusable as problem:
            self.put(_UNUSABLE_LANE, job, self._put_aside(str(problem)))
            return
        self._handle(self, job)

    def _put_aside(self, reason: str) -> Callable[[Job], Awaitable[None]]:
        async def put_aside(job: Job) -> None:
            message = job.message
            await self._publisher.dead_letter(message, reason, UNUSABLE)
            log.error(
                "record_unusable", topic=message.topic, partition=message.partition, offset=message.offset,
                reason=reason, hint="it is kept in the dead-letters topic; mend whatever wrote it",
            )  # fmt: skip
            job.finish()

        return put_aside

    def _balance(self, consumer: AIOKafkaConsumer) -> None:
        """Stop reading partitions of which enough is waiting, and read on where it has been worked off."""
        metrics.UNFINISHED.labels(self._topic).set(sum(len(each.progress) for each in self._assigned.values()))
        metrics.LANES.labels(self._topic).set(len(self._lanes or ()))
        for place, assignment in self._assigned.items():
            full = (
                len(assignment.progress) >= MAX_READ_AHEAD
                or assignment.progress.unfinished_bytes >= MAX_READ_AHEAD_BYTES
            )
            paused = place in consumer.paused()
            # A partition that was taken away a moment ago is not ours to pause.
            with contextlib.suppress(IllegalStateError):
                if full and not paused:
                    consumer.pause(place)
                if paused and not full:
                    consumer.resume(place)

    def assign(self, places: Iterable[TopicPartition]) -> None:
        """These partitions are ours."""
        self._assigned.update({place: Assignment() for place in places})

    async def let_go(self, consumer: AIOKafkaConsumer, places: Collection[TopicPartition], seconds: float) -> None:
        """These partitions are ours no longer: wait for calls on their way, commit what is settled, forget the rest."""
        going = [self._assigned[place] for place in places if place in self._assigned]
        for assignment in going:
            assignment.ended.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for assignment in going:
                    await assignment.idle.wait()
        await self._commit(consumer, places)
        for place in places:
            self._assigned.pop(place, None)

    async def _keep_committing(self, consumer: AIOKafkaConsumer) -> None:
        loop = asyncio.get_running_loop()
        asked = float("-inf")
        while True:
            self._committed = time.monotonic()
            await self._commit(consumer, list(self._assigned))
            if loop.time() - asked > _ASK_SECONDS:
                asked = loop.time()
                await self._ask(consumer)
            await asyncio.sleep(_COMMIT_SECONDS)

    async def _commit(self, consumer: AIOKafkaConsumer, places: Collection[TopicPartition]) -> None:
        assigned = {place: self._assigned[place] for place in places if place in self._assigned}
        settled = {place: each.progress.committable() for place, each in assigned.items()}
        offsets = {place: offset for place, offset in settled.items() if offset is not None}
        if not offsets:
            return
        try:
            # While no broker answers a commit would wait for ever, and a stop with it.
            async with asyncio.timeout(_COMMIT_PATIENCE_SECONDS):
                await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as problem:
            log.info("commit_came_too_late", topic=self._topic, reason=str(problem))
        except (KafkaError, TimeoutError) as problem:
            self._troubled(problem)
        else:
            for place, offset in offsets.items():
                assigned[place].progress.committed(offset)

    async def _ask(self, consumer: AIOKafkaConsumer) -> None:
        """Find out whether a broker answers: from an idle or a dead one a consumer hears the same nothing."""
        try:
            async with asyncio.timeout(_COMMIT_PATIENCE_SECONDS):
                await consumer.topics()
        except (KafkaError, TimeoutError) as problem:
            self._troubled(problem)
        else:
            self.trouble = None

    def _troubled(self, problem: BaseException) -> None:
        known = self.trouble
        self.trouble = f"Kafka at {self._kafka.bootstrap_servers}: {type(problem).__name__} {problem}".strip()
        if self.trouble != known:
            log.warning("kafka_troubled", topic=self._topic, reason=self.trouble)

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(**group_options(self._kafka, self._group))


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped.
    """Tells a reader what it has been given and what is taken from it."""

    def __init__(self, reader: Reader, consumer: AIOKafkaConsumer) -> None:
        self._reader = reader
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._reader.let_go(self._consumer, revoked, _REVOKE_SECONDS)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._reader.assign(assigned)


async def _closed(consumer: AIOKafkaConsumer) -> None:
    if problem := await stopped(consumer):
        log.warning("kafka_not_closed", reason=problem)
