"""Clocks are put forward and back."""

import asyncio

from faults.deployment import Surroundings
from faults.row import Field, Row
from faults.verdict import Expected


_STEP_SECONDS = 3600.0
_BETWEEN_SECONDS = 12.0


async def step_clocks(field: Field) -> None:
    """The clock of every process goes an hour forward, back and forward again: what was due an hour later is paged."""
    clock = field.deployment.clock
    assert clock
    for seconds in (_STEP_SECONDS, 0, _STEP_SECONDS):
        clock.put(seconds)
        await asyncio.sleep(_BETWEEN_SECONDS)


ROWS = (
    Row(
        name="step-clocks",
        act=step_clocks,
        surroundings=Surroundings.CLOCK,
        # By the clock that never moved, all that was accepted in the hour that had not come yet is paged before it. The
        # records go by the other one.
        expected=Expected(early_seconds=_STEP_SECONDS + 1, audited=False),
    ),
)
