"""What the records of one partition show of people: what they were told, when they were paged, and when they acknowledged.

A simulation decides about alerts anew, but nobody can decide anew what people did. So their ACKs are taken as they are, and
whether one can be relied on follows from what they had been told by then.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from audit.facts import EntryFacts, TriggerFacts, facts_of
from audit.record import LogRecord
from streams.codec import Unusable, decode
from streams.records import VERSION, Ack, DelayExpedited, Happening
from streams.topics import Topic


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A message with an ACK link."""

    at_ms: int
    channel: str


class Observed(msgspec.Struct, gc=False):
    """One recorded incident."""

    incident_id: str
    opened_by: int = -1
    """The offset of the alert that opened it; -1: its beginning was not read."""
    asked: list[Asked] = []
    paged: dict[int, int] = {}
    """By round: when."""
    acks: dict[str, Ack] = {}
    """By their ids."""
    refusals: dict[str, DelayExpedited] = {}
    """By their events."""

    def pages_by(self, at_ms: int) -> int:
        """How often somebody had been paged by then."""
        return sum(page_ms <= at_ms for page_ms in self.paged.values())

    def channels_by(self, at_ms: int) -> set[str]:
        """Where people had been asked by then."""
        return {each.channel for each in self.asked if each.at_ms <= at_ms}


class _Post(msgspec.Struct, frozen=True, gc=False):
    """What matters of a record of `slack-notifications`, whichever it is."""

    incident_id: str
    at_ms: int
    channel_id: str | None = None
    oncall: bool = False
    v: int = VERSION


_POSTS = msgspec.json.Decoder(_Post)
_BEGINNINGS = {Happening.OPENED, Happening.NOTED}


class Observations:
    """One partition's. `channel`: where is told what names no channel."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._incidents: dict[str, Observed] = {}
        self._first_alert: int | None = None
        self._known_keys: dict[str, bool] = {}
        self._take: defaultdict[Topic, Any] = defaultdict(
            lambda: _nothing,
            {
                Topic.ALERTS: self._alert,
                Topic.SLACK_NOTIFICATIONS: self._post,
                Topic.DELAYS: self._delay,
                Topic.ACKS: self._ack,
                Topic.PAGERDUTY_EVENTS: self._page,
                Topic.INCIDENT_LOG: self._entry,
            },
        )

    def add(self, record: LogRecord) -> None:
        """The next record."""
        self._take[record.topic](record)

    def opened(self) -> Iterator[Observed]:
        """Those whose beginning was read."""
        return (each for each in self._incidents.values() if each.opened_by >= 0)

    def is_known(self, source_key: str) -> bool:
        """Whether the first thing that is recorded of a problem is its beginning, or nothing is recorded of it."""
        return self._known_keys.get(source_key, True)

    def _of(self, incident_id: str) -> Observed:
        known = self._incidents.get(incident_id)
        if known is None:
            known = self._incidents[incident_id] = Observed(incident_id)
        return known

    def _alert(self, record: LogRecord) -> None:
        if self._first_alert is None:
            self._first_alert = record.offset

    def _post(self, record: LogRecord) -> None:
        try:
            post = _POSTS.decode(record.value)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return
        if post.oncall and post.v == VERSION:
            self._of(post.incident_id).asked.append(Asked(post.at_ms, post.channel_id or self._channel))

    def _delay(self, record: LogRecord) -> None:
        refusal = _decoded(record)
        if isinstance(refusal, DelayExpedited):
            self._of(refusal.incident_id).refusals.setdefault(refusal.event_id, refusal)

    def _ack(self, record: LogRecord) -> None:
        ack = _decoded(record)
        if ack is not None:
            self._of(ack.incident_id).acks.setdefault(ack.ack_id, ack)

    def _page(self, record: LogRecord) -> None:
        page = facts_of(record.topic, record.value)
        if isinstance(page, TriggerFacts):
            self._of(page.incident_id).paged.setdefault(page.round, page.at_ms)

    def _entry(self, record: LogRecord) -> None:
        entry = facts_of(record.topic, record.value)
        if entry is None or entry.role != "fan-out":
            return
        begins = entry.what in _BEGINNINGS and self._is_read(entry)
        self._known_keys.setdefault(entry.source_key, begins)
        if begins and entry.what is Happening.OPENED:
            known = self._of(entry.incident_id)
            known.opened_by = entry.cause.offset if known.opened_by < 0 else known.opened_by

    def _is_read(self, entry: EntryFacts) -> bool:
        return self._first_alert is not None and entry.cause.offset >= self._first_alert


def _nothing(_: LogRecord) -> None:
    """Says nothing of people."""


def _decoded(record: LogRecord) -> Any:
    try:
        return decode(record.topic, record.value)
    except Unusable:
        return None
