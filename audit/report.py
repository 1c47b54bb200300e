"""What a verification comes to, as plain values: the same for the same records, in the same order."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from audit.findings import Finding, Kind
from audit.judge import Judgement
from audit.outcome import Outcome
from audit.recompute import Recomputed
from audit.terms import Terms
from streams.records import Happening
from streams.topics import Topic


class Lateness(msgspec.Struct, frozen=True):
    """From when pages were due, in milliseconds."""

    count: int
    p50_ms: int | None
    p99_ms: int | None
    worst_ms: int | None


class Report(msgspec.Struct, frozen=True):
    """The whole of it."""

    from_ms: int
    as_of_ms: int
    margin_ms: int
    late_after_ms: int
    records: dict[str, int]
    alerts: dict[str, int]
    """How many were decided how, and how many lay under another key than their source key (`moved`)."""
    suppressed: dict[str, int]
    """Alerts that owed no page of their own, by the rule."""
    obligations: dict[str, int]
    """By what became of them."""
    unjudged: int
    repeated_triggers: int
    fallbacks: int
    empty_offsets: int
    """Of `alerts`: the marks of other producers' transactions, or alerts that were taken out."""
    decided: Lateness
    delivered: Lateness
    broken: dict[str, int]
    findings: tuple[Finding, ...]
    recomputed: Recomputed | None = None
    """What today's code would have decided; None where that was not asked for."""

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept, and today's code would do the same."""
        return not self.findings and not (self.recomputed and self.recomputed.differences)

    def as_json(self) -> bytes:
        """For machines: indented, and the same bytes for the same records."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


_DECIDED = (Happening.OPENED, Happening.REPEATED, Happening.ALERTS_ADDED, Happening.RESOLVED, Happening.NOTED)
_RULES = ("repeated", "shared_deadline", "new_rounds_off", "oncall_off")


def report_of(
    judged: Judgement, findings: Sequence[Finding], counts: Counter[Topic], terms: Terms, moved: int
) -> Report:
    """The report of a judgement."""
    kinds = Counter(finding.kind for finding in findings)
    return Report(
        from_ms=terms.from_ms,
        as_of_ms=terms.as_of_ms,
        margin_ms=terms.margin_ms,
        late_after_ms=terms.late_after_ms,
        records={str(topic): counts[topic] for topic in Topic if counts[topic]},
        alerts={**{str(what): judged.decisions[what] for what in _DECIDED}, "moved": moved},
        suppressed={rule: judged.suppressed[rule] for rule in _RULES},
        obligations={str(outcome): judged.outcomes[outcome] for outcome in Outcome},
        unjudged=judged.unjudged,
        repeated_triggers=judged.repeated_triggers,
        fallbacks=judged.fallbacks,
        empty_offsets=len(judged.empty),
        decided=_lateness(judged.decided_ms),
        delivered=_lateness(judged.delivered_ms),
        broken={str(kind): kinds[kind] for kind in Kind},
        findings=tuple(findings),
    )


def _lateness(times: Sequence[int]) -> Lateness:
    ordered = sorted(times)
    if not ordered:
        return Lateness(0, None, None, None)
    return Lateness(len(ordered), _at(ordered, 0.50), _at(ordered, 0.99), ordered[-1])


def _at(ordered: Sequence[int], share: float) -> int:
    """The smallest value that so large a share is not above."""
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]
