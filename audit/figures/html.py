"""The figures as one HTML file: it asks nothing of anybody, and runs nothing.

Names of teams and senders are somebody else's text: all of it is escaped, and the page's own policy allows no script.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from audit.charts import Chart, Groups, columns, rows
from audit.figures.report import DEFINITIONS, Figures, Report
from audit.words import clock, length


def page_of(report: Report) -> str:
    """The whole file."""
    environment = Environment(loader=PackageLoader("audit", "."), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("figures/figures.html.j2").render(
        report=report, definitions=DEFINITIONS, charts_of=_charts(report), clock=clock, length=length, percent=percent
    )


def percent(rate: float | None) -> str:
    """A rate as people read it."""
    return "-" if rate is None else f"{100 * rate:.1f} %"


def _charts(report: Report) -> dict[str, Chart]:
    return {
        "Incidents over time, and how many of them were paged": columns(_over_time(report)),
        "Pages by hour of the day (UTC)": columns(_counts(report.by_hour, "paged")),
        "Acknowledged within": rows(_counts(report.acknowledged_within, "acknowledged")),
        "By team": rows(_fates(report.by_team)),
        "By source": rows(_fates(report.by_source)),
    }


def _over_time(report: Report) -> Groups:
    return {
        datetime.fromtimestamp(each.from_ms / 1000, UTC).strftime("%m-%d %H:%M"): [
            [("paged", each.paged), ("not paged", each.incidents - each.paged)]
        ]
        for each in report.over_time
    }


def _counts(counts: Mapping[str, int], series: str) -> Groups:
    return {name: [[(series, count)]] for name, count in counts.items()}


def _fates(groups: Mapping[str, Figures]) -> Groups:
    """Two bars: what was paged of all with on-call, and what somebody acknowledged of it."""
    return {
        name: [
            [("paged", each.paged), ("not paged", each.oncall - each.paged)],
            [("acknowledged", each.acknowledged), ("unattended", each.unattended)],
        ]
        for name, each in groups.items()
    }
