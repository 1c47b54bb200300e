"""A what-if as one HTML file: it asks nothing of anybody, and runs nothing.

Titles and names are somebody else's text: all of it is escaped, and the page's own policy allows no script.
"""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from audit.charts import Groups, columns, rows
from audit.what_if.compare import MEANINGS, Kind
from audit.what_if.comparison import Report, Tally
from audit.words import clock


MOST_SHOWN = 2_000
"""Differences that are written out, so that a browser opens the file; JSON has all of them."""


def page_of(report: Report) -> str:
    """The whole file."""
    environment = Environment(loader=PackageLoader("audit", "."), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("what_if/what_if.html.j2").render(
        report=report,
        clock=clock,
        meanings={kind: MEANINGS[kind] for kind in Kind if report.changes_by_kind[kind]},
        by_team=rows(_groups(report.by_team)),
        by_key=rows(_groups(report.by_key)),
        by_hour=columns(_groups(report.by_hour)),
        changes=report.changes[:MOST_SHOWN],
    )


def _groups(tallies: Mapping[str, Tally]) -> Groups:
    return {
        name: [
            [("before", tally.before), ("unknown", tally.unknown_before)],
            [("after", tally.after), ("unknown", tally.unknown_after)],
        ]
        for name, tally in tallies.items()
    }
