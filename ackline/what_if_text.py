"""A what-if in words, for people: what would be different, for whom and when, and what nobody can know."""

from collections.abc import Iterator, Mapping

from ackline.audit_text import MOST_TOLD, moment
from audit.what_if.compare import MEANINGS, Change, Kind, Side
from audit.what_if.comparison import Report, Tally
from audit.words import length


def told(report: Report) -> Iterator[str]:
    """The comparison, line by line."""
    since = f"From {moment(report.from_ms)}" if report.from_ms else "From the beginning"
    yield f"{since} to {moment(report.to_ms)}, {report.records:,} records, {report.incidents:,} incidents"
    yield from _asides(report)
    yield ""
    yield from _settings(report)
    yield ""
    yield from _changes(report)
    yield ""
    yield from _tallies(report)
    yield ""
    yield from (_change(each) for each in report.changes[:MOST_TOLD])
    if (more := len(report.changes) - MOST_TOLD) > 0:
        yield f"… and {more:,} more; --format json has all of them"
    if report.missing_critical:
        yield f"MISSING: {report.missing_critical:,} of the pages that would not be sent are critical"


def _asides(report: Report) -> Iterator[str]:
    asides = {
        "left out: they began before, or their beginning is not recorded": report.left_out,
        "not compared: a deadline of theirs is still ahead": report.not_over,
        "paged otherwise at the time than the settings in force would have it: compared all the same": report.unlike_record,
    }
    yield from (f"{count:>10,}  {words}" for words, count in asides.items() if count)


def _settings(report: Report) -> Iterator[str]:
    if not report.settings:
        yield "The two config files say the same."
    for each in report.settings:
        note = "" if each.is_simulated else "  (makes no difference to a page here)"
        yield f"{each.path}: {each.before} → {each.after}{note}"


def _changes(report: Report) -> Iterator[str]:
    if not report.changes:
        yield "No difference."
    unasked = sum(not each.was_asked for each in report.changes if each.kind is Kind.MORE)
    for kind in Kind:
        if count := report.changes_by_kind[kind]:
            note = (
                f"; nobody was asked to acknowledge {unasked:,} of them then" if kind is Kind.MORE and unasked else ""
            )
            yield f"{count:>10,}  {MEANINGS[kind]}{note}"


def _tallies(report: Report) -> Iterator[str]:
    yield f"{'pages':<28}{'before':>10}{'after':>10}{'unknown':>10}"
    yield _tally("all", report.pages)
    for title, tallies in (("team", report.by_team), ("key", report.by_key), ("hour (UTC)", report.by_hour)):
        yield from (_tally(f"{title} {name}", tally) for name, tally in _used(tallies))


def _used(tallies: Mapping[str, Tally]) -> Iterator[tuple[str, Tally]]:
    return ((name, tally) for name, tally in tallies.items() if tally != Tally())


def _tally(name: str, tally: Tally) -> str:
    unknown = max(tally.unknown_before, tally.unknown_after)
    return f"{name[:27]:<28}{tally.before:>10,}{tally.after:>10,}{unknown:>10,}"


def _change(change: Change) -> str:
    subject = f"{change.incident_id}" + (f", page {change.number}" if change.number > 1 else "")
    sides = f"{_side(change.before)} → {_side(change.after)}"
    because = f" [{change.because}]" if change.because else ""
    critical = " (critical)" if change.is_critical else ""
    return f"{change.kind.replace('_', ' ')}  {change.title}{critical} {subject}: {sides}{_apart(change)}{because}"


def _apart(change: Change) -> str:
    if change.kind not in {Kind.EARLIER, Kind.LATER} or change.before is None or change.after is None:
        return ""
    return f" ({length(abs(change.after.at_ms - change.before.at_ms))})"


def _side(side: Side | None) -> str:
    return f"{moment(side.at_ms)} {side.to}" if side else "none"
