"""Records of several topics come in the order of their times, and none before an earlier one can still come."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.obligations import Seen
from reconciler.order import InOrder
from streams.records import DelayCancelled
from streams.topics import Topic


TOPICS = (Topic.DELAYS, Topic.ACKS)
RECORD = DelayCancelled(incident_id="i", source_key="s", event_id="e", at_ms=0)


def at(time: int, partition: int = 0) -> Seen:
    return Seen(RECORD, time, partition, time)


def test_a_record_waits_for_the_other_topics() -> None:
    """As long as an earlier one may be among what is still to be read there."""
    order = InOrder(TOPICS)
    order.add(Topic.DELAYS, at(5))

    early = list(order.take(lambda _topic, _partition: False))
    order.add(Topic.ACKS, at(3))
    one = list(order.take(lambda _topic, _partition: False))
    rest = list(order.take(lambda _topic, _partition: True))

    assert [[], [3], [5]] == [[seen.at_ms for seen in some] for some in (early, one, rest)]


def test_a_partition_waits_for_no_other() -> None:
    """Each has a story of its own."""
    order = InOrder(TOPICS)
    order.add(Topic.DELAYS, at(5, partition=0))
    order.add(Topic.DELAYS, at(9, partition=1))

    assert [9] == [seen.at_ms for seen in order.take(lambda _topic, partition: partition == 1)]


@given(st.lists(st.tuples(st.sampled_from(TOPICS), st.integers(0, 50))), st.integers(1, 5))
def test_whatever_is_read_in_whatever_portions_comes_in_order(told: list[tuple[Topic, int]], portion: int) -> None:
    """As long as each topic is in order itself: everything, and each by its time."""
    order, taken = InOrder(TOPICS), []
    by_topic = {topic: sorted(time for one, time in told if one is topic) for topic in TOPICS}
    # One topic is read whole before the other is begun: the worst that a reader can do.
    reads = [(topic, by_topic[topic][i : i + portion]) for topic in TOPICS for i in range(0, 50, portion)]
    left = {topic: len(by_topic[topic]) for topic in TOPICS}
    for topic, times in reads:
        for time in times:
            order.add(topic, at(time))
        left[topic] -= len(times)
        taken += [seen.at_ms for seen in order.take(lambda one, _partition: left[one] == 0)]
    taken += [seen.at_ms for seen in order.take(lambda _topic, _partition: True)]

    assert sorted(time for _, time in told) == taken
