"""What a judgement goes by: which time is judged, and what counts as late."""

from dataclasses import dataclass
from datetime import timedelta


GUARD_MS = 60_000
"""So much is read before what is judged begins: an alert and what follows from it have the clocks of two machines."""
UNTOLD_MS = 3600 * 1000
"""A message that waits for its turn in a busy channel is not lost: one in a second is what Slack takes."""
NEAR_MS = 2_000
"""Clocks of machines differ by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The same for everything that is judged together."""

    from_ms: int = 0
    """What began earlier is not judged."""
    as_of_ms: int
    """The moment for which it is judged: nothing later was read."""
    margin_ms: int = 60_000
    """What was due, or written, within so long before that moment is not judged yet."""
    late_after_ms: int = 60_000
    """A page that comes later than this after it was due is late."""
    new_rounds: bool = True
    """Whether alerts that are added after an ACK or a page begin a round (`oncall.new_rounds`)."""
    topic_prefix: str = "ackline."
    secret: bytes | None = None
    """The deployment's: with it, alerts without an event id can be followed to where they were moved."""

    @property
    def horizon_ms(self) -> int:
        """What is older must have happened."""
        return self.as_of_ms - self.margin_ms


def milliseconds(length: timedelta) -> int:
    """A length of time in milliseconds."""
    return length // timedelta(milliseconds=1)
