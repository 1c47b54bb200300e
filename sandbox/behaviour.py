"""How a stand-in misbehaves when it is told to, and which calls it has had. No I/O, no clock.

A fault is for one service, and where it names them for one channel or routing key and one method only. The newest
fault that fits a call is the one that acts; it acts until it has done so `times` times, or until `restore`.
"""

import math

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox import KEPT


class Mode(StrEnum):
    """What a fault does to a call."""

    DELAY = "delay"
    """Answers as usual, `delay_seconds` later."""
    STATUS = "status"
    """Answers with an HTTP status, 500 unless another is given."""
    ERROR = "error"
    """Refuses in the service's own words: Slack's `ok: false` with `error`, PagerDuty's 400."""
    HANG = "hang"
    """Never answers."""
    DISCONNECT = "disconnect"
    """Closes the connection before it has done anything."""
    LOSE_ANSWER = "lose_answer"
    """Does what was asked, then closes the connection: the caller cannot know."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    mode: Mode
    status: int = 500
    error: str = "internal_error"
    retry_after: float | None = None
    """Seconds, for a `Retry-After` header."""
    delay_seconds: float = 0
    """Time that passes before any of it."""
    times: int | None = None
    """How many calls it hits; None is all of them."""
    on: str | None = None
    """One channel's id, or the label of one routing key; None is all of them."""
    method: str | None = None
    """`chat.update`, or `acknowledge`; None is all of them."""

    def __post_init__(self) -> None:
        # What comes through the control API is checked when the fault is made, not when it strikes.
        self.mode, self.status, self.delay_seconds = Mode(self.mode), int(self.status), float(self.delay_seconds)

    def hits(self, method: str, subject: str) -> bool:
        """Whether this is a call that it is for."""
        return self.times != 0 and self.on in (None, subject) and self.method in (None, method)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, whatever became of it."""

    method: str
    """`chat.postMessage`, or PagerDuty's `event_action`."""
    subject: str
    """The channel, or the label of the routing key."""
    received_at_ms: int
    url: str = ""
    """What was asked for, with the query. Whether a secret was in it is for tests to see, so it is never shown."""
    outcome: str = "in flight"
    """`ok`, the error's name, or what the fault did."""
    status: int | None = None
    """None where the caller got no answer."""


@dataclass(slots=True)
class Behaviour:
    """The faults, the rate limit and the calls of one service."""

    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=KEPT))
    faults: list[Fault] = field(default_factory=list)
    per_second: float | None = None
    restored: int = 0
    """Counts `restore`, so that a hanging call can see that it need not hang any longer."""
    _free_at_ms: dict[str, float] = field(default_factory=dict)

    def fail(self, mode: Mode | str, **details: Any) -> Fault:
        """Let calls go wrong from now on; see `Fault` for the details, for example `fail("status", status=429)`."""
        fault = Fault(mode=Mode(mode), **details)
        self.faults.append(fault)
        return fault

    def limit(self, per_second: float | None) -> None:
        """Answer 429 to more calls than this for one channel or key; None for no limit."""
        self.per_second = per_second

    def restore(self) -> None:
        """Behave again. Calls that hang are cut off."""
        self.faults.clear()
        self._free_at_ms.clear()
        self.per_second = None
        self.restored += 1

    def next_fault(self, method: str, subject: str) -> Fault | None:
        """The fault that hits this call, which is thereby used once."""
        fault = next((fault for fault in reversed(self.faults) if fault.hits(method, subject)), None)
        if fault and fault.times:
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)
        return fault

    def wait_for_rate(self, subject: str, now_ms: int) -> int:
        """Seconds that this call comes too early; 0 lets it pass and takes its turn."""
        if not self.per_second:
            return 0
        free_at_ms = self._free_at_ms.get(subject, 0)
        if now_ms < free_at_ms:
            return math.ceil((free_at_ms - now_ms) / 1000)
        self._free_at_ms[subject] = now_ms + 1000 / self.per_second
        return 0
