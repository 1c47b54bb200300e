"""What a call to a destination can come to. Whether to try again is a type, and never a flag to forget.

`Delivered`: the destination has it, and this is its receipt. `Retry`: it may have it later (or, where the answer got
lost, has it already: rather told twice than never). `Rejected`: the same call will never succeed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar


class Reason(StrEnum):
    """Why a call was not delivered. Closed, so that a metric's label is bounded."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    TLS_FAILED = "tls_failed"
    UNCLEAR = "unclear"
    """An answer that says neither yes nor no."""
    REFUSED = "refused"
    """The destination, the token or the key is wrong: for a person to mend."""
    BAD_CONTENT = "bad_content"
    """The destination takes the sender and not this content."""
    MESSAGE_GONE = "message_gone"
    """What was to be changed is no longer there to be changed."""
    GAVE_UP = "gave_up"
    """Tried for as long as the settings allow."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination has it."""

    receipt: Mapping[str, str]
    """What the destination says for it: facts for the incident log, and where Slack's message is."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now."""

    after_seconds: float | None
    """When the destination wants to be asked again; None leaves it to us."""
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never, as it is."""

    reason: Reason
    detail: str
    """The destination's own words, short and without secrets."""


Outcome = Delivered | Retry | Rejected

Call_contra = TypeVar("Call_contra", contravariant=True)


class Sender(Protocol[Call_contra]):
    """One HTTP call, and what it came to."""

    async def send(self, call: Call_contra) -> Outcome:
        """Make the call once. Never raises for anything that the network or the destination does."""
        ...


FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
"""After an outage the first page goes out this much later at worst. PagerDuty asks for 30 s between tries."""

LONGEST_RETRY_AFTER_SECONDS = 300.0
"""PagerDuty itself speaks of a few minutes; Slack rarely asks for more than one."""


def backoff(attempt: int, after: float | None, rand: float) -> float:
    """Seconds to wait after the `attempt`-th try (from 0), where `rand` is from 0 to 1.

    Doubles from half a second. Jitter is half of it, so that lanes that failed together do not come back together.
    A time that the destination named is kept, up to a bound: a page must not sleep for as long as a broken proxy says.
    """
    # 2 ** 6 is past the longest already; a larger power would only end in an overflow.
    doubled: float = min(FIRST_BACKOFF_SECONDS * 2 ** min(attempt, 6), LONGEST_BACKOFF_SECONDS)
    if after is not None:
        return min(max(after, 0.0), LONGEST_RETRY_AFTER_SECONDS) + rand * FIRST_BACKOFF_SECONDS
    return doubled * (0.5 + rand / 2)
