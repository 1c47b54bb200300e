"""What a bench is: a name, a sentence, and a way to measure one round of it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from bench.figures import Figure
from bench.ground import Ground


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: all of it, or less, to see within minutes that nothing has become much slower."""

    is_quick: bool

    def of(self, full: int, quick: int) -> int:
        """One of the two amounts."""
        return quick if self.is_quick else full


Measure = Callable[[Ground, Scale], AsyncIterator[Figure]]
"""Measures one round, and gives each figure as soon as it is known: what comes after it may fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One bench."""

    name: str
    measure: Measure
    """Its docstring's first line is shown by `--list`."""
    against: str
    """What its figures are compared with."""
    rounds: int = 3
    """How often it is measured unless `--rounds` says otherwise. Quick runs measure once."""
    in_quick: bool = False
    """Whether it is one of the few that a quick run takes unless told which."""

    @property
    def words(self) -> str:
        """What is measured."""
        return (self.measure.__doc__ or "").strip().split("\n")[0]
