"""What was put aside and not told yet, when it is time to tell, and in which words. Pure; never what is in a letter."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta


EVERY = timedelta(minutes=1)
"""Between two notes, of all notifiers together."""

GATHER_SECONDS = 2.0
"""What goes wrong rarely goes wrong once: the first note waits for the others of its moment."""

ASK_AGAIN_SECONDS = 5.0
"""How soon a notifier asks again for the turn that another has."""


@dataclass(slots=True)
class Tally:
    """Letters by the topic that they came from. Times are seconds of a clock that never goes back."""

    counts: Counter[str] = field(default_factory=Counter)
    _not_before: float = 0.0

    def add(self, topic: str, now: float) -> None:
        """One more."""
        if not self.counts:
            self._not_before = max(self._not_before, now + GATHER_SECONDS)
        self.counts[topic] += 1

    def forget(self) -> None:
        """They are told, or somebody else's to tell. When the next note may be stays as it is."""
        self.counts.clear()

    def is_due(self, now: float) -> bool:
        """Whether to ask for a turn now."""
        return bool(self.counts) and now >= self._not_before

    def wait_for_turn(self, now: float) -> None:
        """Another has the turn."""
        self._not_before = now + ASK_AGAIN_SECONDS

    def take_turn(self, now: float) -> None:
        """The turn is ours: from now on the next one counts, whatever becomes of this one."""
        self._not_before = now + EVERY.total_seconds()

    def text(self) -> str:
        """The note."""
        total = self.counts.total()
        what = "1 record was" if total == 1 else f"{total:,} records were"
        where = ", ".join(f"{count:,} from {topic}" for topic, count in self.counts.most_common())
        return (
            f"⚠️ {what} put aside as dead letters: {where}. "
            "`ackline dead-letters list` shows why, and `ackline dead-letters retry` tries them again."
        )
