"""What clocks that are wrong, or are put right, do to deadlines and to the ticks that look for them."""

from collections.abc import Iterable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from config.settings import MAX_WAIT_MINUTES
from streams.clock import UNANSWERED_MS, Clock
from streams.codec import encode
from streams.decide.correlation import Policy
from streams.fan_out import FanOut
from streams.records import AlertEvent, Millis


NOW = 1_000_000
POLICY = Policy(secret=b"s" * 32, quiet_after_ms=1, oncall=True, can_page=True, wait_minutes=3)


class Ticks:
    """An outbox that remembers which partition was told what time it is."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, Millis]] = []

    async def tick(self, partitions: Iterable[int], now_ms: Millis) -> None:
        """Remember it."""
        self.sent += [(partition, now_ms) for partition in partitions]


def a_clock(ticked_ms: dict[int, Millis]) -> tuple[Clock, list[tuple[int, Millis]]]:
    """A clock, and what it has sent."""
    outbox: Any = Ticks()
    return Clock(outbox, interval=timedelta(milliseconds=250), ticked_ms=ticked_ms), outbox.sent


def received(alert: AlertEvent, now_ms: Millis) -> Millis:
    """When the fan-out agent takes an alert to have been received."""
    nothing: Any = None
    fan_out = FanOut(
        nothing, nothing, POLICY, key_names=(), max_wait_minutes=MAX_WAIT_MINUTES, clock=lambda: now_ms
    )  # fmt: skip
    message = SimpleNamespace(value=encode(alert), timestamp=now_ms / 1000, topic="t", partition=0, offset=0)
    event: Any = SimpleNamespace(message=message)
    return fan_out.alert_of(event, now_ms).received_ms


def test_a_clock_that_is_ahead_puts_no_deadline_off() -> None:
    """An alert from the future was received now; one from the past keeps its time."""
    times = {told: received(AlertEvent(payload={}, received_ms=told), NOW) for told in (NOW + 3_600_000, NOW, NOW - 5)}

    assert {NOW + 3_600_000: NOW, NOW: NOW, NOW - 5: NOW - 5} == times


async def test_a_clock_that_is_put_back_goes_on_ticking() -> None:
    """An hour back, in the middle of a tick or after it."""
    ticked: dict[int, Millis] = {}
    clock, sent = a_clock(ticked)
    await clock.tick({0, 1}, NOW)
    ticked[0] = NOW
    back = NOW - 3_600_000
    await clock.tick({0, 1}, back)

    assert [(0, NOW), (1, NOW), (0, back), (1, back)] == sent


async def test_a_partition_gets_no_second_tick_before_the_first_is_worked_off() -> None:
    """Or an agent that is slow would have ever more of them; but one that may have been lost is sent anew."""
    ticked: dict[int, Millis] = {}
    clock, sent = a_clock(ticked)
    for now in (NOW, NOW + 250, NOW + UNANSWERED_MS):
        await clock.tick({0}, now)
    ticked[0] = NOW + UNANSWERED_MS
    await clock.tick({0}, NOW + UNANSWERED_MS + 250)

    assert [NOW, NOW + UNANSWERED_MS, NOW + UNANSWERED_MS + 250] == [now for _, now in sent]
