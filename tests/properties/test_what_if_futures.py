"""Whatever becomes of each doubtful ACK by itself, an outcome that is called known is the same."""

from collections.abc import Iterator, Sequence
from itertools import chain, combinations
from typing import Any

from hypothesis import given, settings

from audit.what_if import futures
from audit.what_if.compare import View, is_sure
from audit.what_if.futures import Future, Input, outcome_of
from audit.what_if.observed import Observed
from audit.what_if.partition import Partition
from audit.what_if.setup import Setup
from streams.records import Ack, DelayExpedited
from tests.audit_world import MINUTE, World
from tests.properties.stories import stories, told
from tests.properties.test_what_if import setups
from tests.what_if_world import IN_FORCE


class _Chosen(futures._Course):
    """Leaves out the doubtful ones of these."""

    def __init__(self, setup: Setup, left_out: frozenset[str]) -> None:
        super().__init__(setup, trusts=True)
        self._left_out = left_out

    def _is_trusted(self, given: Input) -> bool:
        before = set(self.doubts)
        self.doubts.clear()
        super()._is_trusted(given)
        is_doubtful = bool(self.doubts)
        self.doubts |= before
        return not (is_doubtful and name_of(given.record) in self._left_out)


def name_of(record: Any) -> str:
    return record.ack_id if isinstance(record, Ack) else record.event_id if isinstance(record, DelayExpedited) else ""


def every_future(incident: Any, seen: Sequence[Observed], setup: Setup, until: int) -> Iterator[Future]:
    """With each choice of what does not happen."""
    people = [each for observed in seen for each in futures._of_people(incident, observed)]
    inputs = sorted([*(Input(at_ms, 0, delay) for at_ms, delay in incident.delays), *people], key=futures._order)
    names = [name for each in seen for name in (*each.acks, *each.refusals)][:5]
    for left_out in chain.from_iterable(combinations(names, count) for count in range(len(names) + 1)):
        yield _Chosen(setup, frozenset(left_out)).run(inputs, until)


def incidents(world: World, setup: Setup, until: int) -> Iterator[tuple[Any, list[Observed]]]:
    """All of them, with what is recorded about each."""
    parts = {number: Partition(number, IN_FORCE, setup) for number in range(world.partitions)}
    for record in world.records:
        parts[record.partition].add(record)
    for part in parts.values():
        list(part.groups(until))
        opened = list(part._observations.opened())
        for incident in part._after.opened():
            about = [each for each in opened if part._after.incident_of(each.opened_by) is incident]
            yield incident, about


@given(stories, setups)
@settings(max_examples=300, deadline=None)
def test_what_is_known_does_not_depend_on_any_doubtful_ack(story: Sequence[Any], setup: Setup) -> None:
    """Each of them may have been given or not; where that changes a page, it is unknown, and nowhere else."""
    world = told(story)
    until = world.now + 24 * 60 * MINUTE
    for incident, seen in incidents(world, setup, until):
        outcome = outcome_of(incident, seen, setup, until)
        expected = View(incident, futures.Outcome(tuple(dict.fromkeys(every_future(incident, seen, setup, until)))))

        assert [is_sure(page) for page in expected.pages] == [is_sure(page) for page in View(incident, outcome).pages]
