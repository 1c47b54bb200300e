"""A verification in words, for people: what was owed, what became of it, how late, and what was found wrong."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from audit.findings import MEANINGS, Finding, Kind
from audit.recompute import Recomputed
from audit.report import Lateness, Report


MOST_TOLD = 50
"""Findings that are written out; JSON has all of them."""

_OUTCOMES = {
    "acked": "acknowledged",
    "resolved": "resolved before it was due",
    "paged": "paged, and PagerDuty has taken it",
    "undelivered": "paged, and PagerDuty has not taken it (yet)",
    "not_yet_due": "not yet due",
    "lost": "LOST",
}
_RULES = {
    "repeated": "repeats of an incident that was known",
    "shared_deadline": "added to an incident, and shared its deadline",
    "new_rounds_off": "added to an incident that had ended, with oncall.new_rounds: false",
    "oncall_off": "on-call was off",
}


def told(report: Report) -> Iterator[str]:
    """The report, line by line."""
    since = f"From {moment(report.from_ms)}" if report.from_ms else "From the beginning"
    yield f"{since} to {moment(report.as_of_ms)}, {_count(report.records, 'records')}"
    yield f"(what was due in the last {_seconds(report.margin_ms)} is not judged yet)"
    yield ""
    yield f"{_count(report.alerts, 'alerts')}: {_listed(report.alerts)}"
    yield from _lines("suppressed by rule", report.suppressed, _RULES)
    yield from _lines("obligations", report.obligations, _OUTCOMES)
    yield from _asides(report)
    yield ""
    yield f"{'lateness':<12}{'p50':>10}{'p99':>10}{'worst':>10}"
    yield _late("decided", report.decided)
    yield _late("delivered", report.delivered)
    yield ""
    yield from _broken(report)
    if report.recomputed:
        yield from _recomputed(report.recomputed)


def moment(at_ms: int) -> str:
    """A time as people read it, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _lines(title: str, counts: Mapping[str, int], words: Mapping[str, str]) -> Iterator[str]:
    yield f"{_count(counts, title)}"
    yield from (f"{counts[name]:>10,}  {words[name]}" for name in words if counts[name])


def _asides(report: Report) -> Iterator[str]:
    asides = {
        "that began before, and are not judged": report.unjudged,
        "triggers that PagerDuty had already: they wake nobody twice": report.repeated_triggers,
        "pages through the default key, since their own was refused": report.fallbacks,
        "offsets of alerts without a record: other producers' transactions, or taken out": report.empty_offsets,
    }
    yield from (f"{count:>10,}  {words}" for words, count in asides.items() if count)


def _recomputed(recomputed: Recomputed) -> Iterator[str]:
    yield ""
    yield f"Decided anew with today's code and settings: {recomputed.decisions:,} records, " + (
        f"{len(recomputed.differences):,} of them otherwise" if recomputed.differences else "all as they are recorded"
    )
    if recomputed.left_out:
        yield f"{recomputed.left_out:>10,}  incidents left out: they began before, or the reconciler has paged them"
    yield from (f"{count:>10,}  {kind}" for kind, count in recomputed.differing.items())
    yield from (
        f"{each.kind}  {each.incident_id}: {each.words} [{', '.join(map(str, each.evidence))}]"
        for each in recomputed.differences[:MOST_TOLD]
    )


def _broken(report: Report) -> Iterator[str]:
    if not report.findings:
        yield "Every promise was kept."
        return
    for kind in Kind:
        if count := report.broken[kind]:
            yield f"{count:>10,}  {kind.replace('_', ' ')}: {MEANINGS[kind]}"
    yield ""
    yield from (_finding(each) for each in report.findings[:MOST_TOLD])
    if (more := len(report.findings) - MOST_TOLD) > 0:
        yield f"… and {more:,} more; --format json has all of them"


def _finding(finding: Finding) -> str:
    about = [finding.incident_id or (f"source key {finding.source_key}" if finding.source_key else "")]
    about += [f"round {finding.round}"] if finding.round else []
    about += [f"due {moment(finding.due_ms)}"] if finding.due_ms else []
    places = ", ".join(str(place) for place in finding.evidence)
    subject = ", ".join(part for part in about if part)
    return f"{finding.kind}  {subject + ': ' if subject else ''}{finding.words} [{places}]"


def _late(name: str, lateness: Lateness) -> str:
    times = lateness.p50_ms, lateness.p99_ms, lateness.worst_ms
    return f"{name:<12}" + "".join(f"{'-' if at is None else _seconds(at):>10}" for at in times)


def _seconds(ms: int) -> str:
    return f"{ms / 1000:,.1f} s"


def _count(counts: Mapping[str, int], name: str) -> str:
    return f"{sum(counts.values()):,} {name}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "none"
