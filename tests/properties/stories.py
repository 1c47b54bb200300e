"""Stories that can happen to a pipeline, for properties that must hold of all of them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from streams.topics import Topic
from tests.audit_world import MINUTE, World


NAMES = ("disk", "cpu", "net")
ORDERS = (("delays", "acks", "ticks"), ("acks", "delays", "ticks"), ("acks", "ticks", "delays"))
"""In which a worker that comes back takes its topics. Deadlines wait until the ACKs are read."""
names = st.sampled_from(NAMES)
steps = st.one_of(
    st.tuples(st.just("fire"), names, st.sampled_from([("a",), ("b",), ("a", "c")]), st.sampled_from([
        {}, {"oncall_enable": False}, {"oncall_enable": True, "pagerduty_other_routing_key": "infra"},
        {"oncall_wait_minutes": 0}, {"oncall_wait_minutes": 10},
    ])),
    st.tuples(st.just("resolve"), names),
    st.tuples(st.just("ack"), names),
    st.tuples(st.just("wait"), st.sampled_from([1_000, MINUTE, 4 * MINUTE])),
    st.tuples(st.just("die"), names),
    st.tuples(st.sampled_from(["sleep", "stumble"])),
    st.tuples(st.just("wake"), st.sampled_from(ORDERS)),
    st.tuples(st.just("lose"), st.sampled_from(["slack", "redis"])),
    st.tuples(st.just("junk"), st.sampled_from([Topic.ALERTS, Topic.DELAYS, Topic.ACKS])),
)  # fmt: skip
stories = st.lists(steps, min_size=1, max_size=25)


class Teller:
    """Tells a story to a world."""

    def __init__(self) -> None:
        self.world = World(partitions=2)
        self._open: dict[str, str] = {}

    def fire(self, name: str, alerts: Sequence[str], options: dict[str, Any]) -> None:
        """An alert comes in."""
        self._open[name] = self.world.fire(name, alerts, **options)

    def ack(self, name: str) -> None:
        """Somebody clicks, if there is anything to click."""
        if name in self._open:
            self.world.ack(self._open[name])

    def die(self, name: str) -> None:
        """A worker dies with its page."""
        if self._open.get(name) in self.world.rows:
            _die(self.world, self._open[name])

    def lose(self, what: str) -> None:
        """Or bring it back."""
        setattr(self.world, what, not getattr(self.world, what))


def told(story: Sequence[Any]) -> World:
    """The story, to its end."""
    teller = Teller()
    end: list[Any] = [("wake", ORDERS[0]), ("wake", ORDERS[0]), ("wait", 20 * MINUTE)]
    for what, *given_ in [*story, *end]:
        getattr(teller if hasattr(teller, what) else teller.world, what)(*given_)
    return teller.world


def _die(world: World, incident: str) -> None:
    """A worker dies between the page and its own note of it, and the next one pages again."""
    if not world.awake:
        return
    row = world.rows[incident]
    world.wait(max(0, row.due_ms - world.now - 1))
    if world.rows[incident].state == "pending":
        world.now = max(world.now, row.due_ms)
        world.page(incident, dies=True)
        world.now += 5_000
        world.page(incident)
