"""What a seeded load consists of: each alert with what is done about it and what must therefore come of it. Pure."""

import json
import random

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from streams.records import AlertEvent
from streams.records.identity import source_key


KEYS = {
    "default": "DefaultFaultRoutingKey0000000001",
    "infra": "InfraFaultRoutingKey000000000002",
    "app": "AppFaultRoutingKey00000000000003",
    "db": "DbFaultRoutingKey000000000000004",
}
"""Routing keys by their names. They open nothing but the sandbox."""

CHANNELS = tuple(f"C{number}" for number in range(10))
"""Slack takes one message a second for each channel, so a load has several."""

PER_SECOND = 4.0


class Kind(StrEnum):
    """What people do about an alert."""

    IGNORED = "ignored"
    """Nothing: it is paged."""
    IMMEDIATE = "immediate"
    """Nobody is waited for."""
    ACKED = "acked"
    """Somebody acknowledges before the deadline. Whoever is told so is not paged."""
    LATE = "late"
    """Somebody acknowledges after the page: PagerDuty is told."""
    RESOLVED = "resolved"
    """It is over before the deadline. Where that becomes known too late, PagerDuty is told that it is over."""
    REPEATED = "repeated"
    """It is sent again, before its deadline and after it: one page."""
    OFF = "off"
    """On-call is off: it is never paged."""
    GROWN = "grown"
    """More alerts come after somebody has acknowledged: a second round, which is paged."""


MIX = (
    *[Kind.IGNORED] * 5,
    *[Kind.ACKED] * 6,
    *[Kind.REPEATED] * 2,
    *[Kind.LATE] * 2,
    *[Kind.RESOLVED] * 2,
    Kind.IMMEDIATE,
    Kind.OFF,
)
"""Of what a load consists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One alert of a load."""

    name: str
    """Its title and its `dedup_key`: by this it is found again, wherever it comes."""
    kind: Kind
    key: str
    channel: str
    wait_seconds: float
    acts_after_seconds: float
    """When somebody acknowledges, resolves or repeats it: counted from when it was accepted."""
    by_answer: bool
    """The ACK link is taken from the answer to the alert, and not from Slack."""
    longest_label: int = 0
    """Characters of a label that it has; 0 for none."""

    @property
    def parameters(self) -> dict[str, str]:
        """Of the request."""
        key = {} if self.key == "default" else {"pagerduty_other_routing_key": self.key}
        return {
            "dedup_key": self.name,
            "slack_channel_id": self.channel,
            "oncall_wait_minutes": str(self.wait_seconds / 60),
            "oncall_enable": str(self.kind is not Kind.OFF).lower(),
            **key,
        }

    @property
    def body(self) -> dict[str, Any]:
        """What is sent."""
        long = {"labels": {"long": "x" * self.longest_label}} if self.longest_label else {}
        known = {"title": self.name, "description": "an alert of the fault suite", "severity": "critical", **long}
        return {**known, "alerts": [self._alert("first")]} if self.kind is Kind.GROWN else known

    @property
    def grown_body(self) -> dict[str, Any]:
        """What is sent once there is more of it."""
        return {**self.body, "alerts": [self._alert("first"), self._alert("second")]}

    def _alert(self, fingerprint: str) -> dict[str, Any]:
        return {"fingerprint": fingerprint, "status": "firing", "labels": {"alertname": self.name}}

    @property
    def envelope(self) -> bytes:
        """The same, as other producers write it straight to Kafka."""
        parameters = {
            **self.parameters,
            "oncall_wait_minutes": self.wait_seconds / 60,
            "oncall_enable": self.kind is not Kind.OFF,
        }
        return json.dumps({"payload": self.body, **parameters}).encode()

    @property
    def source_key(self) -> str:
        """The Kafka key of all that is recorded about it."""
        return source_key(AlertEvent(payload={}, dedup_key=self.name))


def plans(prefix: str, seed: int, waits: tuple[float, float] = (2.0, 10.0),
          mix: Sequence[Kind] = MIX, channels: Sequence[str] = CHANNELS) -> Iterator[Plan]:  # fmt: skip
    """A load without an end; the same for the same seed."""
    choose = random.Random(f"{prefix} {seed}")  # noqa: S311  # repeatable is what it must be
    number = 0
    while True:
        for kind in choose.sample(mix, len(mix)):
            number += 1
            wait = 0.0 if kind is Kind.IMMEDIATE else choose.uniform(*waits)
            yield Plan(
                name=f"{prefix}-{number:05d}",
                kind=kind,
                key=choose.choice(tuple(KEYS)),
                channel=choose.choice(channels),
                wait_seconds=wait,
                acts_after_seconds=wait * choose.uniform(0.05, 0.95),
                by_answer=choose.random() < 0.5,
            )


def barrier(prefix: str, partitions: int, partition_of: Callable[[str], int], channels: tuple[str, ...]) -> list[Plan]:
    """Alerts that page at once, for every partition through every channel and every key.

    What was decided earlier is delivered earlier, lane by lane: when these have come, nothing else is on its way.
    """
    lanes = [(channel, list(KEYS)[number % len(KEYS)]) for number, channel in enumerate(channels)]
    wanted = [(partition, lane) for partition in range(partitions) for lane in lanes]
    found: list[Plan] = []
    number = 0
    while len(found) < len(wanted):
        number += 1
        partition, (channel, key) = wanted[len(found)]
        plan = Plan(
            name=f"{prefix}-barrier-{number:05d}", kind=Kind.IMMEDIATE, key=key, channel=channel,
            wait_seconds=0, acts_after_seconds=0, by_answer=False,
        )  # fmt: skip
        if partition_of(plan.source_key) == partition:
            found.append(plan)
    return found
