"""When a process that died is started again, and when it is given up. Pure: what is known is how long it lived."""

from dataclasses import dataclass, replace
from typing import Self


FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
WELL_AFTER_SECONDS = 60.0
"""A process that lived this long was well: its next death is treated as its first."""
SHORT_LIFE_SECONDS = 10.0
SHORT_LIVES_IN_A_ROW = 5
"""So many lives shorter than that, one after the other, and it cannot live at all: something is to be put right."""


@dataclass(frozen=True, slots=True)
class Restarts:
    """What the deaths so far say about the next start."""

    pause_seconds: float = 0.0
    """How long to wait before it."""
    short_lives: int = 0

    @property
    def is_hopeless(self) -> bool:
        """Whether another start would be in vain."""
        return self.short_lives >= SHORT_LIVES_IN_A_ROW

    def after_life_of(self, seconds: float) -> Self:
        """What one more death, after so long a life, says."""
        doubled = max(FIRST_PAUSE_SECONDS, min(self.pause_seconds * 2, LONGEST_PAUSE_SECONDS))
        return replace(
            self,
            pause_seconds=FIRST_PAUSE_SECONDS if seconds >= WELL_AFTER_SECONDS else doubled,
            short_lives=self.short_lives + 1 if seconds < SHORT_LIFE_SECONDS else 0,
        )
