"""The figures in words, for people on a terminal."""

from collections.abc import Iterator, Mapping

from ackline.audit_text import moment
from audit.figures.html import percent
from audit.figures.report import Figures, Report, Times
from audit.words import length


_HEAD = f"{'incidents':>10}{'on-call':>9}{'acked':>9}{'paged':>9}{'noise':>9}{'repeats':>9}{'MTTA':>14}{'MTTR':>14}"


def told(report: Report) -> Iterator[str]:
    """The report, line by line."""
    since = f"From {moment(report.from_ms)}" if report.from_ms else "From the beginning"
    yield f"{since} to {moment(report.to_ms)}, {report.records:,} records"
    yield ""
    yield f"{'':<24}{_HEAD}"
    yield _row("all", report.total)
    yield from _rows("team", report.by_team)
    yield from _rows("source", report.by_source)
    yield ""
    yield from _lengths(report)
    yield ""
    yield from (f"{count:>10,}  {name}" for name, count in report.counted.items())


def _rows(title: str, groups: Mapping[str, Figures]) -> Iterator[str]:
    yield from (_row(f"{title} {name}", each) for name, each in groups.items())


def _row(name: str, each: Figures) -> str:
    rates = each.ack_rate, each.escalation_rate, each.noise, each.repeat_rate
    means = each.time_to_acknowledge.mean_ms, each.time_to_resolve.mean_ms
    return (
        f"{name[:23]:<24}{each.incidents:>10,}{each.oncall:>9,}"
        + "".join(f"{percent(rate):>9}" for rate in rates)
        + "".join(f"{_length(mean):>14}" for mean in means)
    )


def _lengths(report: Report) -> Iterator[str]:
    lengths = {
        "to acknowledge": report.total.time_to_acknowledge,
        "to resolve": report.total.time_to_resolve,
        "pages decided after they were due": report.lateness_decided,
        "pages delivered after they were due": report.lateness_delivered,
    }
    yield f"{'':<36}{'count':>9}{'mean':>14}{'p50':>14}{'p90':>14}{'worst':>14}"
    for name, each in lengths.items():
        yield f"{name:<36}{each.count:>9,}" + "".join(f"{_length(ms):>14}" for ms in _in_order(each))


def _in_order(each: Times) -> tuple[int | None, ...]:
    return each.mean_ms, each.p50_ms, each.p90_ms, each.worst_ms


def _length(ms: int | None) -> str:
    return "-" if ms is None else length(ms)
