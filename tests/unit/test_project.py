"""The incident log becomes a view that is the same in whatever order, and however often, its entries are written."""

import itertools

from typing import Any

import pytest

from projection.project import project
from state.incident import Acknowledgement, IncidentState, view_incident
from state.read_model import Alias, Closed, HeldOpen, Listed, Milestone, TimelineEntry
from streams.records import Cause, Happening, LogEntry


H = Happening


def entry(what: Happening, at_ms: int = 1_000, offset: int = 0, **detail: Any) -> LogEntry:
    cause = Cause("t.alerts", 3, offset)
    return LogEntry(
        incident_id="inc", source_key="key", at_ms=at_ms, role="timer", what=what, cause=cause, detail=detail
    )


OPENED = entry(H.OPENED, title="Disk full", severity="critical", oncall=True, due_ms=9_000, channel_id="C1")
SILENT = entry(H.OPENED, title="Disk full", oncall=False, due_ms=None)
SCHEDULED = entry(H.SCHEDULED, 1_010, round=1, due_ms=9_000)
ACKED = entry(H.ACKNOWLEDGED, 2_000, round=1, by="ada", via="link")
PAGED = entry(H.ESCALATED, 9_100, round=1, due_ms=9_000)
LATE = entry(H.ACKNOWLEDGED_LATE, 9_500, round=1, by="bob")
ROUND_2 = entry(H.ROUND_BEGUN, 12_000, round=2, due_ms=20_000)
RESOLVED = entry(H.RESOLVED, 30_000)
NOTED = entry(H.NOTED, title="Over")
EXPEDITED = entry(H.EXPEDITED, 1_500, due_ms=1_500, reason="channel_not_found")


def milestones(entries: list[LogEntry]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for update in (update for each in entries for update in project(each)):
        if isinstance(update, Milestone):
            kept.setdefault(update.name, update.value)
    return kept


@pytest.mark.parametrize(
    ("entries", "state", "round_number", "due_ms"),
    [
        pytest.param([SILENT], IncidentState.OPEN, 1, None, id="nobody on call"),
        pytest.param([OPENED], IncidentState.PENDING, 1, 9_000, id="opened"),
        pytest.param([OPENED, SCHEDULED], IncidentState.PENDING, 1, 9_000, id="scheduled"),
        pytest.param([OPENED, SCHEDULED, EXPEDITED], IncidentState.PENDING, 1, 1_500, id="expedited"),
        pytest.param([OPENED, ACKED], IncidentState.ACKNOWLEDGED, 1, 9_000, id="acknowledged"),
        pytest.param([OPENED, PAGED], IncidentState.ESCALATED, 1, 9_000, id="escalated"),
        pytest.param([OPENED, PAGED, LATE], IncidentState.ESCALATED, 1, 9_000, id="acknowledged late"),
        pytest.param([OPENED, ACKED, ROUND_2], IncidentState.PENDING, 2, 20_000, id="a new round"),
        pytest.param([OPENED, PAGED, ROUND_2], IncidentState.PENDING, 2, 20_000, id="a new round after a page"),
        pytest.param([OPENED, PAGED, RESOLVED], IncidentState.RESOLVED, 1, 9_000, id="resolved"),
        pytest.param([NOTED], IncidentState.NOTED, 1, None, id="noted"),
        pytest.param([SCHEDULED], IncidentState.PENDING, 1, 9_000, id="the beginning is missing"),
        pytest.param([entry(H.SLACK_DELIVERED)], IncidentState.UNKNOWN, 1, None, id="hardly anything"),
    ],
)
def test_the_state_follows_from_what_happened(
    entries: list[LogEntry], state: IncidentState, round_number: int, due_ms: int | None
) -> None:
    """In every order of the entries, since several roles write them."""
    for some in itertools.permutations(entries):
        view = view_incident("inc", milestones(list(some)))

        assert (state, round_number, due_ms) == (view.state, view.round, view.due_ms)


def test_who_acknowledged_is_shown() -> None:
    """The first, and whether it was too late."""
    again = entry(H.ACKNOWLEDGED, 2_500, round=1, by="eve")

    early = view_incident("inc", milestones([OPENED, ACKED, again])).acknowledgement
    late = view_incident("inc", milestones([OPENED, PAGED, LATE])).acknowledgement

    assert Acknowledgement(by="ada", via="link", at_ms=2_000, late=False) == early
    assert Acknowledgement(by="bob", via="link", at_ms=9_500, late=True) == late


def test_an_opening_is_listed_and_held_open() -> None:
    """In this order: the milestone first, by which a rewritten opening knows that all is over."""
    kinds = [type(update) for update in project(OPENED)]

    assert [Milestone, TimelineEntry, Listed, HeldOpen] == kinds


def test_a_repeat_tells_under_which_id_it_is_also_known() -> None:
    """Whoever sent it may have been told an id that never came to be."""
    repeat = entry(H.REPEATED, event_id="e2", alias="foretold")

    assert [HeldOpen("key", "inc", repeat.at_ms), Alias("foretold", "inc", repeat.at_ms)] == project(repeat)[1:]
    assert not any(isinstance(update, Milestone) for update in project(repeat))
    assert [] == [update for update in project(entry(H.REPEATED, alias="inc")) if isinstance(update, Alias)]


def test_repeats_without_end_make_a_timeline_with_an_end() -> None:
    """One line for each hour, whatever the number of repeats."""
    hour = 3_600_000
    lines = [
        update.identity
        for at_ms in (0, 1, hour - 1, hour, hour + 1)
        for update in project(entry(H.REPEATED, at_ms, offset=at_ms))
        if isinstance(update, TimelineEntry)
    ]

    assert 2 == len(set(lines))


def test_an_entry_written_again_is_the_same_line() -> None:
    """After a crash the same record is processed again, by another reading of the clock."""
    first, second = (
        [
            update.identity
            for update in project(entry(H.ACKNOWLEDGED, at_ms, offset=7))
            if isinstance(update, TimelineEntry)
        ]
        for at_ms in (1_000, 5_000)
    )

    assert first == second


def test_a_resolved_incident_is_closed() -> None:
    """So the next alert of the same problem is told no stale id."""
    assert Closed("key", "inc") in project(RESOLVED)
