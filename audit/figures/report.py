"""The figures: what they are called, how they are defined, and how they follow from the incidents. Pure.

The definitions have a version, and a report says which it goes by: figures of two reports with the same one can be compared.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil

import msgspec

from audit.figures.gather import Gathering, Incident
from audit.record import LogRecord


DEFINITIONS_VERSION = 1
DEFINITIONS = {
    "incidents": "opened in this time",
    "oncall": "of these, with on-call on for any of their alerts: all rates are of these",
    "acknowledged": "acknowledged by somebody, in time or after the page",
    "paged": "paged, once or more often",
    "resolved": "ended by their sender",
    "time_to_acknowledge": "from the opening to the first ACK, of those that were acknowledged; its mean is the MTTA",
    "time_to_resolve": "from the opening to the end, of those that were resolved; its mean is the MTTR",
    "ack_rate": "acknowledged in time or after the page, of those with on-call",
    "escalation_rate": "paged, of those with on-call",
    "noise": "resolved, and acknowledged by nobody: they needed no person, of those with on-call",
    "repeat_rate": "alerts that changed nothing, of all alerts of these incidents",
}


class Times(msgspec.Struct, frozen=True):
    """How long something took."""

    count: int
    mean_ms: int | None = None
    p50_ms: int | None = None
    p90_ms: int | None = None
    worst_ms: int | None = None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of all incidents, or of some. A rate of nothing is None."""

    incidents: int
    oncall: int
    acknowledged: int
    acknowledged_in_time: int
    paged: int
    pages: int
    resolved: int
    unattended: int
    """Resolved, and acknowledged by nobody; of those with on-call."""
    alerts: int
    repeats: int
    ack_rate: float | None
    escalation_rate: float | None
    noise: float | None
    repeat_rate: float | None
    time_to_acknowledge: Times
    time_to_resolve: Times


class Bucket(msgspec.Struct, frozen=True):
    """A piece of the time."""

    from_ms: int
    incidents: int
    paged: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    definitions: int
    from_ms: int
    to_ms: int
    records: int
    total: Figures
    by_source: dict[str, Figures]
    by_team: dict[str, Figures]
    by_hour: dict[str, int]
    """Pages, by the hour of the day in UTC."""
    over_time: tuple[Bucket, ...]
    acknowledged_within: dict[str, int]
    lateness_decided: Times
    """Of the pages: from when one was due."""
    lateness_delivered: Times
    counted: dict[str, int]
    """Everything that happened in this time, as the metrics of the roles count it."""

    def as_json(self) -> str:
        """With the definitions."""
        told = {**msgspec.to_builtins(self), "definition_of": DEFINITIONS}
        return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


class FiguresOf:
    """Takes the records of one partition after the other, and computes in the end."""

    def __init__(self, from_ms: int, to_ms: int) -> None:
        self._from_ms, self._to_ms = from_ms, to_ms
        self._partitions: dict[int, Gathering] = {}
        self._incidents: list[Incident] = []
        self._counted: Counter[str] = Counter()
        self._decided_ms: list[int] = []
        self._delivered_ms: list[int] = []
        self._records = 0

    def add(self, record: LogRecord) -> None:
        """The next record."""
        self._records += 1
        known = self._partitions.get(record.partition)
        if known is None:
            known = self._partitions[record.partition] = Gathering(self._from_ms, self._to_ms)
        known.add(record)

    def settle(self, partition: int) -> None:
        """All of this partition was read."""
        known = self._partitions.pop(partition, None)
        if known is None:
            return
        self._incidents += known.opened()
        self._decided_ms += known.decided_ms
        self._delivered_ms += known.delivered_ms
        self._counted.update({" ".join(name): count for name, count in known.counted.items()})

    def report(self) -> Report:
        """What all of it comes to."""
        for partition in sorted(self._partitions):
            self.settle(partition)
        incidents = self._incidents
        return Report(
            definitions=DEFINITIONS_VERSION,
            from_ms=self._from_ms,
            to_ms=self._to_ms,
            records=self._records,
            total=figures_of(incidents),
            by_source=_by(incidents, lambda each: each.group.source),
            by_team=_by(incidents, lambda each: each.group.team),
            by_hour=_by_hour(page_ms for each in incidents for page_ms in each.pages_ms),
            over_time=tuple(_over_time(incidents)),
            acknowledged_within=_within(_acked(incidents)),
            lateness_decided=times_of(self._decided_ms),
            lateness_delivered=times_of(self._delivered_ms),
            counted=dict(sorted(self._counted.items())),
        )


def figures_of(incidents: Sequence[Incident]) -> Figures:
    """Of these."""
    oncall = [each for each in incidents if each.has_oncall]
    acknowledged = sum(each.acked_ms is not None for each in oncall)
    paged = sum(bool(each.pages_ms) for each in oncall)
    unattended = sum(each.resolved_ms is not None and each.acked_ms is None for each in oncall)
    alerts, repeats = sum(each.alerts for each in incidents), sum(each.repeats for each in incidents)
    return Figures(
        incidents=len(incidents),
        oncall=len(oncall),
        acknowledged=acknowledged,
        acknowledged_in_time=sum(each.is_acked_in_time for each in oncall),
        paged=paged,
        pages=sum(len(each.pages_ms) for each in oncall),
        resolved=sum(each.resolved_ms is not None for each in incidents),
        unattended=unattended,
        alerts=alerts,
        repeats=repeats,
        ack_rate=_rate(acknowledged, len(oncall)),
        escalation_rate=_rate(paged, len(oncall)),
        noise=_rate(unattended, len(oncall)),
        repeat_rate=_rate(repeats, alerts),
        time_to_acknowledge=times_of(_acked(oncall)),
        time_to_resolve=times_of(
            [each.resolved_ms - each.opened_ms for each in incidents if each.resolved_ms is not None]
        ),
    )


def times_of(lengths_ms: Sequence[int]) -> Times:
    """How long these took. A percentile is one of them: the first that is no shorter than so many."""
    if not lengths_ms:
        return Times(0)
    ordered = sorted(lengths_ms)
    count = len(ordered)
    p50, p90 = (ordered[ceil(count * share) - 1] for share in (0.5, 0.9))
    return Times(count, round(sum(ordered) / count), p50, p90, ordered[-1])


def _acked(incidents: Iterable[Incident]) -> list[int]:
    return [each.acked_ms - each.opened_ms for each in incidents if each.acked_ms is not None]


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _by(incidents: Iterable[Incident], name: Callable[[Incident], str]) -> dict[str, Figures]:
    groups: dict[str, list[Incident]] = {}
    for each in incidents:
        groups.setdefault(name(each), []).append(each)
    return {each: figures_of(groups[each]) for each in sorted(groups)}


def _by_hour(times_ms: Iterable[int]) -> dict[str, int]:
    counts = Counter(at_ms // 3_600_000 % 24 for at_ms in times_ms)
    return {f"{hour:02d}": counts[hour] for hour in range(24)}


_MINUTE = 60_000
_BUCKETS = (5 * _MINUTE, 15 * _MINUTE, 60 * _MINUTE, 6 * 60 * _MINUTE)
_DAY = 24 * 60 * _MINUTE
_MOST_BUCKETS = 48


def _over_time(incidents: Sequence[Incident]) -> Iterator[Bucket]:
    """In pieces of which there are not too many to look at; the empty ones between are there too."""
    if not incidents:
        return
    first, last = (pick(each.opened_ms for each in incidents) for pick in (min, max))
    size = next((each for each in _BUCKETS if (last - first) // each < _MOST_BUCKETS), _DAY)
    opened = Counter(each.opened_ms // size for each in incidents)
    paged = Counter(each.opened_ms // size for each in incidents if each.pages_ms)
    for number in range(first // size, last // size + 1):
        yield Bucket(number * size, opened[number], paged[number])


_WITHIN = {"1 min": 1, "3 min": 3, "5 min": 5, "10 min": 10, "30 min": 30, "1 h": 60, "4 h": 240}


def _within(lengths_ms: Iterable[int]) -> dict[str, int]:
    """Each counted once, under the first bound that it keeps to."""
    counts = Counter(
        next((name for name, minutes in _WITHIN.items() if length <= minutes * _MINUTE), "longer")
        for length in lengths_ms
    )
    return {name: counts[name] for name in (*_WITHIN, "longer")}
