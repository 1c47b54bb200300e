"""Each incident's story, rebuilt from the records alone: what happened, which record caused it, how late, and why.

Takes the records in the order of time, one partition after the other. The timer's decisions are made anew with the pure
code, so that a record from which nothing followed can be explained as well: a second ACK, alerts that share a deadline.
"""

import contextlib
import io
import itertools

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import zstandard

from audit.facts import facts_of
from audit.findings import Place
from audit.record import LogRecord
from audit.refold_timer import Entry, Input, Refolded, refold
from audit.shelf import Shelf
from audit.words import entry_words, input_words, verdict
from streams.codec import Unusable, decode, decode_alert, encode
from streams.decide.telling import State
from streams.records import Happening, LogEntry
from streams.topics import Topic, topic_of


class Happened(msgspec.Struct, frozen=True):
    """One thing that happened."""

    at_ms: int
    what: str
    words: str
    role: str
    record: Place
    """Where it is recorded."""
    cause: Place | None = None
    """The record that made it happen."""
    lateness_ms: int | None = None
    """Of a page, from when it was due."""


class Story(msgspec.Struct, frozen=True):
    """One incident."""

    incident_id: str
    source_key: str
    title: str
    severity: str
    state: str
    """Where its escalation stands; `told` where nobody is on call for it, `unknown` without its beginning."""
    verdict: str
    """Why somebody was paged, or nobody."""
    began_ms: int
    labels: dict[str, str]
    happened: tuple[Happened, ...]


class Asked(msgspec.Struct, frozen=True):
    """Which incidents are wanted; None: all of them."""

    incident_id: str | None = None
    source_key: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    new_rounds: bool = True

    @property
    def key(self) -> bytes | None:
        """The only key that matters."""
        key = self.source_key or (self.incident_id or "").partition("-")[0]
        return key.encode() or None

    def wants(self, story: Story) -> bool:
        """Whether this incident is among them."""
        is_named = self.incident_id in {None, story.incident_id} and self.source_key in {None, story.source_key}
        return is_named and all(story.labels.get(name) == value for name, value in self.labels)


class _Chapter:
    """What was read about one incident, decoded only while its story is told: most of them wait for long."""

    def __init__(self, records: list[LogRecord]) -> None:
        self.partition = records[0].partition
        self.inputs: list[Input] = []
        self.decided: list[Entry] = []
        """By the timer."""
        self.entries: list[tuple[LogRecord, LogEntry]] = []
        for record in records:
            with contextlib.suppress(Unusable):
                self._add(record, decode(record.topic, record.value))

    def _add(self, record: LogRecord, told: Any) -> None:
        if not isinstance(told, LogEntry):
            self.inputs.append(Input(record.topic, record.offset, record.timestamp_ms, told))
            return
        self.entries.append((record, told))
        if told.role == "timer":
            place = cause_of(told)
            self.decided.append(Entry(place.topic, place.offset, record.timestamp_ms, record.offset, told))


QUIET_MS = 60_000
"""What was not heard of for so long, in the time of the records, is packed."""

_ENCODER = msgspec.msgpack.Encoder()
_RECORDS = msgspec.msgpack.Decoder(list[LogRecord])
_EXAMPLES = 4


class _Packed:
    """Records of incidents that have been quiet for long: most are, and it is all that takes memory."""

    def __init__(self, examples: Iterable[list[LogRecord]]) -> None:
        """`examples`: what most others are like, so that only what is their own needs room."""
        alike = zstandard.ZstdCompressionDict(
            b"".join(map(_ENCODER.encode, examples)), dict_type=zstandard.DICT_TYPE_RAWCONTENT
        )
        self._packer = zstandard.ZstdCompressor(level=1, dict_data=alike)
        self._unpacker = zstandard.ZstdDecompressor(dict_data=alike)
        self._shelf = Shelf()

    def add(self, incident: str, records: list[LogRecord]) -> None:
        """Keep these as well."""
        frame = self._packer.compress(_ENCODER.encode(records))
        self._shelf.put(incident, self._shelf.get(incident) + len(frame).to_bytes(4) + frame)

    def of(self, incident: str) -> Iterator[LogRecord]:
        """All that is kept of an incident."""
        frames = io.BytesIO(self._shelf.get(incident))
        while length := int.from_bytes(frames.read(4)):
            yield from _RECORDS.decode(self._unpacker.decompress(frames.read(length)))


class Storybook:
    """One partition's incidents."""

    def __init__(self, asked: Asked, quiet_ms: int = QUIET_MS) -> None:
        self._asked = asked
        self._quiet_ms = quiet_ms
        self._records: OrderedDict[str, list[LogRecord]] = OrderedDict()
        """By incident; those that were heard of last stand last."""
        self._packed: _Packed | None = None
        self._began: dict[str, int] = {}
        self._labels = Shelf()
        """Of alerts, by offset, as JSON."""

    def add(self, record: LogRecord) -> str | None:
        """The next record; returns the incident that it tells of."""
        if self._asked.key not in {None, record.key}:
            return None
        try:
            return self._added(record)
        except Unusable:
            return None

    def stories(self) -> Iterator[Story]:
        """The wanted ones, each told only when it is its turn: in the order in which they began, or were first heard of."""
        for incident in sorted(self._began, key=lambda each: (self._began[each], each)):
            story = self.wanted(incident)
            if story:
                yield story

    def wanted(self, incident: str) -> Story | None:
        """An incident's story, if it is among those that are wanted."""
        story = self.story(incident)
        return story if self._asked.wants(story) else None

    def story(self, incident: str) -> Story:
        """What is known of an incident."""
        chapter = _Chapter(self._all_of(incident))
        opened = next((e for _, e in chapter.entries if e.what in {Happening.OPENED, Happening.NOTED}), None)
        refolded = refold(chapter.inputs, chapter.decided, new_rounds=self._asked.new_rounds)
        happened = sorted([*self._told(chapter), *_taken(chapter, refolded if opened else None)], key=_time)
        row = refolded.row if opened else None
        detail = opened.detail if opened else {}
        first = chapter.entries[0][1] if chapter.entries else None
        return Story(
            incident_id=incident,
            source_key=first.source_key if first else chapter.inputs[0].record.source_key,
            title=str(detail.get("title", "")) or "(its beginning was not read)",
            severity=str(detail.get("severity", "")),
            state=str(row.state) if row and row.state is not State.AWAITED else "told" if opened else "unknown",
            verdict=verdict(row, opened, [entry for _, entry in chapter.entries]),
            began_ms=opened.at_ms if opened else happened[0].at_ms,
            labels=msgspec.json.decode(self._labels.get(opened.cause.offset) or b"{}") if opened else {},
            happened=tuple(happened),
        )

    def _added(self, record: LogRecord) -> str | None:
        if record.topic is Topic.ALERTS:
            labels = labels_of(decode_alert(record.value)[0].payload)
            self._labels.put(record.offset, msgspec.json.encode(labels))
            return None
        if record.topic not in _TOLD:
            return None
        facts = facts_of(record.topic, record.value)
        if facts is None:
            return None
        if record.topic is Topic.DELAYS:
            record = _without_alert(record)
        self._keep(facts.incident_id, record)
        return str(facts.incident_id)

    def _keep(self, incident: str, record: LogRecord) -> None:
        self._began.setdefault(incident, record.timestamp_ms)
        self._records.setdefault(incident, []).append(record)
        self._records.move_to_end(incident)
        oldest, of_it = next(iter(self._records.items()))
        if of_it[-1].timestamp_ms < record.timestamp_ms - self._quiet_ms:
            self._packed = self._packed or _Packed(itertools.islice(self._records.values(), _EXAMPLES))
            self._packed.add(oldest, self._records.pop(oldest))

    def _all_of(self, incident: str) -> list[LogRecord]:
        return [*(self._packed.of(incident) if self._packed else ()), *self._records.get(incident, ())]

    def _told(self, chapter: _Chapter) -> Iterator[Happened]:
        """What the incident log says; once, however often it was written."""
        seen = set()
        for record, entry in chapter.entries:
            identity = entry.role, entry.what, entry.cause, entry.detail.get("round")
            if identity not in seen:
                seen.add(identity)
                place = Place(record.topic, record.partition, record.offset)
                lateness = entry.detail.get("lateness_ms")
                yield Happened(
                    entry.at_ms, str(entry.what), entry_words(entry), entry.role, place, cause_of(entry),
                    lateness if isinstance(lateness, int) else None,
                )  # fmt: skip


def _taken(chapter: _Chapter, refolded: Refolded | None) -> Iterator[Happened]:
    """Deadlines and ACKs that the incident log does not speak of, and what today's code makes of them."""
    spoken_of = {(each.topic, each.offset) for each in chapter.decided}
    rows = (
        {(step.input.topic, step.input.offset): (before, after) for step, before, after in refolded.rows if step.input}
        if refolded
        else {}
    )
    for each in chapter.inputs:
        place = each.topic, each.offset
        if place not in spoken_of:
            what, words = input_words(each.record, *rows.get(place, (None, None)))
            yield Happened(each.record.at_ms, what, words, "timer", Place(each.topic, chapter.partition, each.offset))


_TOLD = {Topic.DELAYS, Topic.ACKS, Topic.INCIDENT_LOG}


def _without_alert(record: LogRecord) -> LogRecord:
    """A deadline without its alert, which is most of it."""
    told = decode(record.topic, record.value)
    if not hasattr(told, "payload"):
        return record
    return msgspec.structs.replace(record, value=encode(msgspec.structs.replace(told, payload={"": ""})))


def labels_of(payload: dict[str, Any]) -> dict[str, str]:
    """By what an alert can be chosen: the labels of an Alertmanager body, else the body's own short fields."""
    alerts = payload.get("alerts")
    places = (
        [each.get("labels") for each in reversed(alerts) if isinstance(each, dict)] if isinstance(alerts, list) else []
    )
    places += [payload.get("labels"), payload.get("groupLabels"), payload.get("commonLabels")]
    found = {name: value for name, value in payload.items() if isinstance(value, str)} if not any(places) else {}
    for place in places:
        found |= place if isinstance(place, dict) else {}
    return {str(name): str(value)[:200] for name, value in sorted(found.items())}


def cause_of(entry: LogEntry) -> Place:
    """Where the record lies that an entry follows from."""
    return Place(topic_of(entry.cause.topic) or Topic.TICKS, entry.cause.partition, entry.cause.offset)


_ORDER = tuple(Topic)


def _time(happened: Happened) -> tuple[int, bool, int, int]:
    # What the incident log says of a moment comes before what is taken from other topics: they follow from it.
    is_input = happened.record.topic is not Topic.INCIDENT_LOG
    return happened.at_ms, is_input, _ORDER.index(happened.record.topic), happened.record.offset
