"""Reads the topics as any client of the broker could: without a consumer group, leaving no trace, while all else runs.

What is read is settled at the start, in offsets. One partition comes after the other, since one partition holds the whole
story of a problem; within it the topics are merged by time, and each topic keeps its order. A producer's clock may step
back: a record counts as no earlier than those before it in its topic, so the order is the same each time.
"""

import asyncio
import contextlib
import heapq

from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from audit.bundle_lines import Range, RecordLine, to_text
from config.kafka_options import client_options
from config.settings import KafkaSettings
from streams.topics import Topic, topic_name


_POLL_MS = 250
_MOST_AT_ONCE = 5_000
_FETCH_BYTES = 4 * 1024 * 1024
"""Of one partition of one topic: each round to the broker costs, and seven of them are held at once."""
_SILENT_SECONDS = 20.0
"""A broker from which nothing has come for so long, although there is more, is not there any more."""

_ORDER = tuple(Topic)
"""Of what was written in the same millisecond: causes before their consequences."""


Batch = list[tuple[Topic, ConsumerRecord]]


class TopicsUnreadableError(Exception):
    """The topics cannot be read. The message says why, and what to do."""


class TopicsSource:
    """What lies in the topics; it does not grow while it is read."""

    def __init__(self, kafka: KafkaSettings, consumer: AIOKafkaConsumer, ranges: Sequence[Range]) -> None:
        self._kafka = kafka
        self._consumer = consumer
        self.ranges = tuple(ranges)

    @property
    def size(self) -> int:
        """How many records there are to read, or a few less."""
        return sum(each.end - each.begin for each in self.ranges)

    async def records(self) -> AsyncIterator[tuple[Topic, ConsumerRecord]]:
        """Every record as Kafka has it. What Kafka deletes before it is read, for its age, is left out."""
        async for batch in self.batches():
            for each in batch:
                yield each

    async def batches(self) -> AsyncIterator[Batch]:
        """The same, as many of one partition at once as are there."""
        logs = [_Log(self._consumer, _place(self._kafka, each), each) for each in self.ranges if each.begin < each.end]
        if not logs:
            return
        # Assigned once: aiokafka 0.14 may hang at its end when it is told to stop while it still takes in a new assignment.
        self._consumer.assign([log.place for log in logs])
        for log in logs:
            self._consumer.seek(log.place, log.range.begin)
            self._consumer.pause(log.place)
        with _told(self._kafka):
            for partition in sorted({log.place.partition for log in logs}):
                async for batch in self._merged([log for log in logs if log.place.partition == partition]):
                    yield batch

    async def _merged(self, logs: Sequence["_Log"]) -> AsyncIterator[Batch]:
        self._consumer.resume(*[log.place for log in logs])
        for log in logs:
            await log.fetch()
        heads = [(key, log) for log in logs if (key := log.advance())]
        heapq.heapify(heads)
        while heads:
            batch = list(_until_one_is_empty(heads))
            yield batch
            # Whose turn it was has nothing more at hand: without its next record nobody can say which comes first.
            log = heads[0][1]
            await log.fetch()
            if key := log.advance():
                heapq.heapreplace(heads, (key, log))
            else:
                heapq.heappop(heads)


def _until_one_is_empty(heads: list[tuple[tuple[int, int, int], "_Log"]]) -> Iterator[tuple[Topic, ConsumerRecord]]:
    while True:
        log = heads[0][1]
        yield log.range.topic, log.record
        key = log.advance()
        if key is None:
            return
        heapq.heapreplace(heads, (key, log))


class _Log:
    """One partition of one topic, up to the end of its range."""

    def __init__(self, consumer: AIOKafkaConsumer, place: TopicPartition, wanted: Range) -> None:
        self.place = place
        self.range = wanted
        self.record: ConsumerRecord = None
        self._consumer = consumer
        self._fetched: deque[ConsumerRecord] = deque()
        self._latest_ms = 0
        self._rank = _ORDER.index(wanted.topic)

    def advance(self) -> tuple[int, int, int] | None:
        """Make the next record that is at hand the current one; returns its place in time, or None if there is none."""
        if not self._fetched:
            return None
        record = self.record = self._fetched.popleft()
        self._latest_ms = max(self._latest_ms, record.timestamp)
        return self._latest_ms, self._rank, record.offset

    async def fetch(self) -> None:
        """Have the next records at hand, unless there are no more."""
        async with asyncio.timeout(_SILENT_SECONDS):
            # Where a position stands is asked anew: compaction and aborted writes leave offsets without a record.
            while not self._fetched and await self._consumer.position(self.place) < self.range.end:
                batches = await self._consumer.getmany(self.place, timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
                for batch in batches.values():
                    self._fetched.extend(record for record in batch if record.offset < self.range.end)
            if await self._consumer.position(self.place) >= self.range.end:
                # Asked on, the broker would wait for what is not wanted, and the other topics' records with it.
                self._consumer.pause(self.place)


def line_of(topic: Topic, record: ConsumerRecord) -> RecordLine:
    """A record of Kafka as a line of an export."""
    headers = tuple((name, to_text(value)) for name, value in record.headers)
    return RecordLine(
        topic=topic, partition=record.partition, offset=record.offset, timestamp_ms=record.timestamp,
        key=to_text(record.key), value=to_text(record.value), headers=headers,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def reading_topics(
    kafka: KafkaSettings, topics: Sequence[Topic] = _ORDER, *, from_ms: int | None = None, to_ms: int | None = None
) -> AsyncIterator[TopicsSource]:
    """What is in these topics now; of that, what is no older than `from_ms` and older than `to_ms`.

    In each partition that is: from the first record of that time up to the first of a later one.

    Raises:
        TopicsUnreadableError: Kafka does not answer, or has no such topics.
    """
    with _told(kafka):
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            # Kafka deletes old records at any time, also those that were to be read next: go on behind them.
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_POLL_MS,
            max_partition_fetch_bytes=_FETCH_BYTES,
            **client_options(kafka),
        )
        async with consumer:
            yield TopicsSource(kafka, consumer, await _ranges(kafka, consumer, topics, from_ms, to_ms))


async def _ranges(
    kafka: KafkaSettings, consumer: AIOKafkaConsumer, topics: Sequence[Topic], from_ms: int | None, to_ms: int | None
) -> list[Range]:
    places = {
        TopicPartition(topic_name(kafka.topic_prefix, topic), partition): topic
        for topic, count in (await _partitions(kafka, topics)).items()
        for partition in range(count)
    }
    ends = await consumer.end_offsets(list(places))
    begins = await consumer.beginning_offsets(list(places))
    if from_ms is not None:
        begins = await _since(consumer, from_ms, ends)
    if to_ms is not None:
        ends = await _since(consumer, to_ms, ends)
    return [
        Range(topic, place.partition, begins[place], max(begins[place], ends[place]))
        for place, topic in places.items()
    ]  # fmt: skip


async def _partitions(kafka: KafkaSettings, topics: Sequence[Topic]) -> dict[Topic, int]:
    """How many each topic has, whatever the config says: all of them are to be read."""
    names = {topic: topic_name(kafka.topic_prefix, topic) for topic in topics}
    admin = AIOKafkaAdminClient(**client_options(kafka))
    try:
        await admin.start()
        described = {each["topic"]: each["partitions"] for each in await admin.describe_topics(list(names.values()))}
    finally:
        await admin.close()
    if missing := [name for name in names.values() if not described.get(name)]:
        raise TopicsUnreadableError(
            f"Kafka has no topic {', '.join(sorted(missing))}; `ackline topics --apply` creates it"
        )
    return {topic: len(described[name]) for topic, name in names.items()}


async def _since(consumer: AIOKafkaConsumer, at_ms: int, ends: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
    """In each partition the offset of the first record of this time or later; the end where there is none."""
    found = await consumer.offsets_for_times(dict.fromkeys(ends, at_ms))
    return {place: min(found[place].offset, end) if found.get(place) else end for place, end in ends.items()}


def _place(kafka: KafkaSettings, wanted: Range) -> TopicPartition:
    return TopicPartition(topic_name(kafka.topic_prefix, wanted.topic), wanted.partition)


@contextlib.contextmanager
def _told(kafka: KafkaSettings) -> Iterator[None]:
    """What a person is told when Kafka does not answer."""
    try:
        yield
    except (KafkaError, TimeoutError) as problem:
        raise TopicsUnreadableError(
            f"kafka.bootstrap_servers: Kafka at {kafka.bootstrap_servers} does not answer "
            f"({type(problem).__name__}). Does it run, and is the address right as seen from here?"
        ) from problem
