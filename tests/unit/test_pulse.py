"""A worker that stood still for too long writes nothing more."""

import pytest

from streams.reliable.pulse import FrozenError, Pulse


class HandClock:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def test_a_pulse_that_beats_lets_everything_be_written() -> None:
    """However long the worker runs."""
    clock = HandClock()
    pulse = Pulse(8, clock)
    for _ in range(100):
        clock.now += 1
        pulse.beat()

    pulse.check()


def test_whoever_writes_first_after_a_freeze_is_stopped() -> None:
    """The loop has had no chance to notice yet."""
    clock = HandClock()
    pulse = Pulse(8, clock)
    clock.now += 9

    with pytest.raises(FrozenError, match="stood still for 9"):
        pulse.check()


def test_a_freeze_is_not_forgotten_by_the_next_beat() -> None:
    """The beat itself fails, and with it the worker."""
    clock = HandClock()
    pulse = Pulse(8, clock)
    clock.now += 9

    with pytest.raises(FrozenError):
        pulse.beat()
    with pytest.raises(FrozenError):
        pulse.check()
