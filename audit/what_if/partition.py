"""One partition of the records under two setups: which incidents each makes of them, and which of the two belong together."""

from collections import Counter
from collections.abc import Iterable, Iterator

from audit.facts import facts_of
from audit.record import LogRecord
from audit.what_if.compare import Group, View
from audit.what_if.futures import outcome_of
from audit.what_if.observed import Observations, Observed
from audit.what_if.setup import Setup
from audit.what_if.simulate import Simulated, Simulation
from streams.topics import Topic


class Partition:
    """Takes its records, and gives incidents in the end."""

    def __init__(self, number: int, before: Setup, after: Setup) -> None:
        self._number = number
        self._before, self._after = Simulation(before), Simulation(after)
        self._observations = Observations(before.channel or "")
        self.counts: Counter[str] = Counter()

    def add(self, record: LogRecord) -> None:
        """The next record."""
        self._observations.add(record)
        if record.topic is Topic.ALERTS:
            self._before.alert(record)
            self._after.alert(record)
        elif record.topic is Topic.INCIDENT_LOG:
            self._decided(record)
        self._before.advance(record.timestamp_ms)
        self._after.advance(record.timestamp_ms)

    def groups(self, until_ms: int) -> Iterator[Group]:
        """All incidents of both sides whose beginning is recorded, each with what the other side makes of its alerts."""
        self._before.finish()
        self._after.finish()
        opened = {each.opened_by: each for each in self._observations.opened()}
        before, after = (self._views(each, opened, until_ms) for each in (self._before, self._after))
        for mine, other in _together(before, after, self._before, self._after):
            group = Group(tuple(before[each] for each in mine), tuple(after[each] for each in other))
            if self._observations.is_known(group.views[0].incident.source_key):
                self._hold_against(opened, group.before)
                yield group
            else:
                self.counts["left_out"] += len({*mine, *other})

    def _hold_against(self, opened: dict[int, Observed], views: Iterable[View]) -> None:
        """Count the incidents that went otherwise than the settings in force would have it."""
        for view in views:
            seen = opened.get(view.incident.opened_by)
            self.counts["unlike_record"] += len(view.outcome.futures[0].pages) != (len(seen.paged) if seen else 0)

    def _views(self, simulation: Simulation, opened: dict[int, Observed], until_ms: int) -> dict[int, View]:
        about: dict[int, list[Observed]] = {}
        for number, observed in opened.items():
            incident = simulation.incident_of(number)
            if incident is not None:
                about.setdefault(incident.opened_by, []).append(observed)

        def view(incident: Simulated) -> View:
            number = incident.opened_by
            outcome = outcome_of(incident, about.get(number, ()), simulation.setup, until_ms)
            return View(incident, outcome, number in opened and bool(opened[number].asked))

        return {each.opened_by: view(each) for each in simulation.opened()}

    def _decided(self, record: LogRecord) -> None:
        entry = facts_of(record.topic, record.value)
        if entry is not None and entry.role == "fan-out" and entry.cause.partition == self._number:
            self._before.decided(entry.cause.offset, entry.at_ms)
            self._after.decided(entry.cause.offset, entry.at_ms)


Node = tuple[bool, int]
"""An incident: of which side, and opened by which alert."""


def _together(
    before: Iterable[int], after: Iterable[int], mine: Simulation, other: Simulation
) -> Iterator[tuple[list[int], list[int]]]:
    """The incidents of both sides, by the alerts that opened them, in groups that share such an alert."""
    group_of: dict[Node, list[Node]] = {}
    for number in sorted({*before, *after}):
        # Whichever side opens an incident with this alert, both know which of theirs it belongs to.
        found = ((is_before, side.incident_of(number)) for is_before, side in ((True, mine), (False, other)))
        nodes = [(is_before, incident.opened_by) for is_before, incident in found if incident is not None]
        joined = list(dict.fromkeys(each for node in nodes for each in group_of.get(node, [node])))
        group_of |= dict.fromkeys(joined, joined)
    for group in {id(each): each for each in group_of.values()}.values():
        yield (
            [number for is_before, number in group if is_before],
            [number for is_before, number in group if not is_before],
        )
