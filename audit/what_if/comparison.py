"""Takes records, runs them through two setups in virtual time, and says how they differ.

Takes the records of one partition after the other, each in the order of time; memory is one partition's incidents. The same
records and settings give the same answer, byte for byte. Both sides are simulated, so neither has any of the lateness and
the failures of the day that is recorded; how many incidents went otherwise that day is told beside it.
"""

from collections import Counter

import msgspec

from audit.record import LogRecord
from audit.what_if.compare import Change, Futures, Group, Kind, is_sure, last_of, pages_of
from audit.what_if.differing import Difference
from audit.what_if.partition import Partition
from audit.what_if.setup import Setup
from streams.topics import Topic


READ = tuple(topic for topic in Topic if topic not in {Topic.TICKS, Topic.DEAD_LETTERS})
"""The topics that are needed."""


class Tally(msgspec.Struct):
    """Pages before and after, those that are sure, and those that are sent in some future only."""

    before: int = 0
    after: int = 0
    unknown_before: int = 0
    unknown_after: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison comes to."""

    from_ms: int
    to_ms: int
    settings: tuple[Difference, ...]
    records: int
    incidents: int
    """How many were compared."""
    left_out: int
    """How many began before what was read."""
    not_over: int
    """How many have a deadline still ahead."""
    unlike_record: int
    """How many were paged more or less often than the settings in force would have it: other settings at the time, or
    an ACK in the moment of the page."""
    pages: Tally
    changes_by_kind: dict[Kind, int]
    by_team: dict[str, Tally]
    by_key: dict[str, Tally]
    by_hour: dict[str, Tally]
    """Of the day, in UTC."""
    missing_critical: int
    """How many pages of critical alerts would not be sent, and were."""
    changes: tuple[Change, ...]

    def as_json(self) -> str:
        """All of it."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()


class WhatIf:
    """Takes records, and compares in the end. What was opened from `from_ms` on is compared; nothing is later than `to_ms`."""

    def __init__(self, before: Setup, after: Setup, *, from_ms: int, to_ms: int) -> None:
        self._before, self._after = before, after
        self._from_ms, self._to_ms = from_ms, to_ms
        self._partitions: dict[int, Partition] = {}
        self._changes: list[Change] = []
        self._counts: Counter[str] = Counter()
        self._pages = Tally()
        self._by: dict[str, dict[str, Tally]] = {
            "team": {},
            "key": {},
            "hour": {f"{hour:02d}": Tally() for hour in range(24)},
        }

    def add(self, record: LogRecord) -> None:
        """The next record."""
        self._counts["records"] += 1
        known = self._partitions.get(record.partition)
        if known is None:
            known = self._partitions[record.partition] = Partition(record.partition, self._before, self._after)
        known.add(record)

    def settle(self, partition: int) -> None:
        """All of this partition was read."""
        known = self._partitions.pop(partition, None)
        if known is None:
            return
        for group in known.groups(self._to_ms):
            self._take(group)
        self._counts.update(known.counts)

    def report(self, settings: tuple[Difference, ...] = ()) -> Report:
        """What all of it comes to. `settings`: in what the two config files differ."""
        for partition in sorted(self._partitions):
            self.settle(partition)
        kinds = Counter(each.kind for each in self._changes)
        return Report(
            from_ms=self._from_ms,
            to_ms=self._to_ms,
            settings=settings,
            records=self._counts["records"],
            incidents=self._counts["compared"],
            left_out=self._counts["left_out"],
            not_over=self._counts["not_over"],
            unlike_record=self._counts["unlike_record"],
            pages=self._pages,
            changes_by_kind={kind: kinds[kind] for kind in Kind},
            by_team=dict(sorted(self._by["team"].items())),
            by_key=dict(sorted(self._by["key"].items())),
            by_hour=self._by["hour"],
            missing_critical=sum(each.kind is Kind.FEWER and each.is_critical for each in self._changes),
            changes=tuple(sorted(self._changes, key=_order)),
        )

    def _take(self, group: Group) -> None:
        opened = {each.incident.opened_by: each.incident.opened_ms for each in group.views}
        if max(opened.values()) < self._from_ms:
            return  # it is there only so that what was open at the beginning is known
        if not all(each.outcome.is_over for each in group.views):
            self._counts["not_over"] += len(opened)
            return
        self._counts["compared"] += len(opened)
        self._changes += group.changes()
        for side, views in (("before", group.before), ("after", group.after)):
            for view, page in pages_of(views):
                self._count(view.incident.about.team or "(none)", page, side)

    def _count(self, team: str, page: Futures, side: str) -> None:
        sent = last_of(page)
        field = side if is_sure(page) else f"unknown_{side}"
        hour = f"{sent.at_ms // 3_600_000 % 24:02d}"
        by = self._by
        for tally in (
            self._pages,
            by["team"].setdefault(team, Tally()),
            by["key"].setdefault(sent.key, Tally()),
            by["hour"][hour],
        ):
            setattr(tally, field, getattr(tally, field) + 1)


def _order(change: Change) -> tuple[int, str, int, Kind]:
    return change.opened_ms, change.incident_id, change.number, change.kind
