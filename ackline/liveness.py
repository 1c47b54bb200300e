"""Whether a role lives, from what it says of its parts; and when whoever has started it gives it up. Pure.

Alive is not ready: a restart mends what stands still in a process, and no Kafka, Redis or Slack that is away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self


LONGEST_STANDSTILL_SECONDS = 10.0
"""Longer than a worker needs for a batch or a rebalance, and short enough to be seen within 15 s."""

START_SECONDS = 60.0
"""How long a process may take until it first answers."""

PATIENCE_SECONDS = 15.0
"""How long it may say that it does not live, or say nothing, before it is started anew."""


def verdict(stood_still: Mapping[str, float]) -> dict[str, str]:
    """Part by part "ok", or what is wrong. Given: for how many seconds each has had something to do and not done it."""
    return {part: _said(seconds) for part, seconds in stood_still.items()}


def _said(seconds: float) -> str:
    return f"has not moved for {seconds:.0f} s" if seconds > LONGEST_STANDSTILL_SECONDS else "ok"


@dataclass(frozen=True, slots=True)
class Patience:
    """What the answers so far say about a process."""

    started: float
    well: float | None = None
    """When it was last known to live; None: it has not answered yet."""

    def after(self, now: float, *, is_well: bool) -> Self:
        """What one more answer, or none, says."""
        return replace(self, well=now) if is_well else self

    def is_over(self, now: float) -> bool:
        """Whether it is to be started anew."""
        if self.well is None:
            return now - self.started > START_SECONDS
        return now - self.well > PATIENCE_SECONDS
