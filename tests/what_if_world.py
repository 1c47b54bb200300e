"""What-if over the records of a told story: setups that differ in one thing, and the comparison of two of them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from audit.record import LogRecord
from audit.refold_alerts import Rules
from audit.what_if.comparison import Report, WhatIf
from audit.what_if.setup import Setup
from streams.decide.intake import Intake
from tests.audit_world import MINUTE, POLICY, PREFIX, World


INTAKE = Intake(secret=POLICY.secret, key_names=("infra",), max_wait_minutes=10_000)
RULES = Rules(policy=POLICY, intake=INTAKE, topic_prefix=PREFIX, new_rounds=True)
IN_FORCE = Setup(rules=RULES, channel="C1", keys={"default": "default", "infra": "infra"})


def with_policy(**changes: Any) -> Setup:
    """What is in force, but for this of its policy."""
    return replace(IN_FORCE, rules=replace(RULES, policy=replace(POLICY, **changes)))


def compared(
    world: World | Iterable[LogRecord], after: Setup, before: Setup = IN_FORCE, *, to_ms: int | None = None
) -> Report:
    """What becomes of the story under other settings; by default a day after its end."""
    records = world.records if isinstance(world, World) else list(world)
    until = max((each.timestamp_ms for each in records), default=0) + 24 * 60 * MINUTE if to_ms is None else to_ms
    comparison = WhatIf(before, after, from_ms=0, to_ms=until)
    for record in records:
        comparison.add(record)
    return comparison.report()
