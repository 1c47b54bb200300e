"""Reads the dead letters as they lie in Kafka, and writes one back to where it came from, once.

Reading has no consumer group and changes nothing. What is written back has the record's own key and bytes; a note
beside the letter says so when that is done, and a letter that has one is not written back again. A death between the
two writes it back a second time: to the pipeline that is a record that it reads twice, which it is made for.
"""

import heapq

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from typing import Any

from ackline.topic_access import Writer, record_at, records_in
from config.settings import KafkaSettings
from streams.codec import Unusable, decode, decode_alert
from streams.records.dead_letter import Origin, noted_offset, origin_of, retried_note, retry_headers
from streams.topics import Topic, topic_name


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a letter lies in `dead-letters`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


def place_of(text: str) -> Place | None:
    """The place that `partition:offset` names."""
    partition, _, offset = text.partition(":")
    numbers = [int(part) for part in (partition, offset) if part.isascii() and part.isdigit() and len(part) <= 18]
    return Place(*numbers) if len(numbers) == 2 else None


@dataclass(frozen=True, slots=True)
class Summary:
    """A letter without its bytes: they may be megabytes, and letters may be many."""

    at_ms: int
    place: Place
    origin: Origin
    size: int
    """Of the record's value, in bytes."""


@dataclass(slots=True)
class Listing:
    """Letters, the newest first, and which of them were written back."""

    letters: list[Summary] = field(default_factory=list)
    retried: set[Place] = field(default_factory=set)
    count: int = 0
    """How many there are, of which `letters` may be the newest only."""


RETRIED_BEFORE = "has been written back already; if it failed again it is a letter of its own"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a letter can be written back."""

    topic: Topic | None
    """Where to; None where it does not say."""
    problem: str | None
    """Why not."""


async def listing(kafka: KafkaSettings, *, since_ms: int | None, limit: int) -> Listing:
    """The letters that are there now; at most so many, and none from before a time."""
    found = Listing()
    newest: list[tuple[int, Place, Summary]] = []
    async for record in records_in(kafka, [_letters(kafka)], since_ms=since_ms):
        offset = noted_offset(record.headers)
        if offset is not None:
            found.retried.add(Place(record.partition, offset))
            continue
        found.count += 1
        summary = _summary(record)
        heapq.heappush(newest, (summary.at_ms, summary.place, summary))
        if len(newest) > limit:
            heapq.heappop(newest)
    found.letters = [summary for _, _, summary in sorted(newest, reverse=True)]
    return found


async def judged(kafka: KafkaSettings, places: Collection[Place], *, since_ms: int | None) -> dict[Place, Verdict]:
    """What stands in the way of writing back the letters at these places; of all that were not yet, for no places."""
    verdicts: dict[Place, Verdict] = {}
    retried: set[Place] = set()
    async for record in records_in(kafka, [_letters(kafka)], since_ms=since_ms):
        place, offset = Place(record.partition, record.offset), noted_offset(record.headers)
        if offset is not None:
            retried.add(Place(record.partition, offset))
        elif not places or place in places:
            verdicts[place] = Verdict(topic_of(origin_of(record.headers), kafka), obstacle(record, kafka))
    for place in retried & verdicts.keys():
        verdicts[place] = Verdict(verdicts[place].topic, RETRIED_BEFORE)
    if not places:
        return {place: verdict for place, verdict in verdicts.items() if place not in retried}
    return {place: verdicts.get(place, Verdict(None, "is not there")) for place in places}


async def letters_at(kafka: KafkaSettings, places: Collection[Place], *, since_ms: int | None) -> AsyncIterator[Any]:
    """Kafka's own records of the letters at these places, in one pass."""
    async for record in records_in(kafka, [_letters(kafka)], since_ms=since_ms):
        if Place(record.partition, record.offset) in places:
            yield record


async def letter_at(kafka: KafkaSettings, place: Place) -> Any:
    """Kafka's own record of the letter at this place; None where there is none."""
    record = await record_at(kafka, _letters(kafka), place.partition, place.offset)
    return None if record is None or noted_offset(record.headers) is not None else record


def obstacle(record: Any, kafka: KafkaSettings) -> str | None:
    """Why it makes no sense to write this letter back; None where it does."""
    origin = origin_of(record.headers)
    topic = topic_of(origin, kafka)
    if topic is None or topic is Topic.DEAD_LETTERS:
        return "does not say which topic of this deployment it came from"
    if origin.partition is None or origin.partition >= kafka.partitions:
        return "does not say which partition it came from"
    if topic is Topic.TICKS:
        return "is a tick, which nobody needs a moment later"
    if origin.is_cut:
        return (
            "was too large to be kept whole; the whole record is in "
            f"{origin.topic} {origin.partition}:{origin.offset} for as long as Kafka keeps it"
        )
    try:
        decode_alert(record.value) if topic is Topic.ALERTS else decode(topic, record.value)
    except Unusable as problem:
        return f"is still unusable, and would only come back: {problem}"
    return None


def topic_of(origin: Origin, kafka: KafkaSettings) -> Topic | None:
    """The topic of this deployment that a letter came from."""
    named = {topic_name(kafka.topic_prefix, topic): topic for topic in Topic}
    return named.get(origin.topic)


async def write_back(writer: Writer, kafka: KafkaSettings, record: Any) -> Place:
    """Write a letter back to its topic and note that beside it; returns where in its topic it is now.

    Raises:
        TopicsError: Kafka has not taken it, or not the note.
    """
    place, origin = Place(record.partition, record.offset), origin_of(record.headers)
    written = await writer.write(
        origin.topic, record.value, key=record.key, partition=origin.partition,
        headers=retry_headers(str(place), origin),
    )  # fmt: skip
    note = retried_note(place.offset)
    await writer.write(_letters(kafka), b"", key=record.key, partition=place.partition, headers=note)
    return Place(*written)


def _summary(record: Any) -> Summary:
    place = Place(record.partition, record.offset)
    return Summary(record.timestamp, place, origin_of(record.headers), len(record.value or b""))


def _letters(kafka: KafkaSettings) -> str:
    return topic_name(kafka.topic_prefix, Topic.DEAD_LETTERS)
