"""Brings records of several topics into the order of their times, partition by partition. Pure.

Read after an outage, a topic may be days ahead of another. An ACK and the alerts that were added before or after it
mean different things in different orders, so a record waits until no earlier one can come.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence

from reconciler.obligations import Seen
from streams.topics import Topic


class InOrder:
    """What was read and is still to be counted in."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._topics = topics
        self._waiting: defaultdict[int, dict[Topic, deque[Seen]]] = defaultdict(
            lambda: {topic: deque() for topic in topics}
        )

    def add(self, topic: Topic, seen: Seen) -> None:
        """It was read."""
        self._waiting[seen.partition][topic].append(seen)

    def waiting(self, topic: Topic, partition: int) -> int:
        """How many of them wait."""
        return len(self._waiting[partition][topic])

    def take(self, is_read: Callable[[Topic, int], bool]) -> Iterator[Seen]:
        """All that no earlier record can come before. `is_read`: of this topic and partition all was read."""
        for partition, queues in self._waiting.items():
            while any(queues.values()):
                if any(not queue and not is_read(topic, partition) for topic, queue in queues.items()):
                    break
                yield min((queue for queue in queues.values() if queue), key=_time_of_first).popleft()


def _time_of_first(queue: deque[Seen]) -> int:
    return queue[0].at_ms
