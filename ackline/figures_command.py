"""`ackline audit report`: how a team fares, from what is recorded between two times."""

from collections.abc import Callable
from pathlib import Path

import click

from ackline.audit_command import run
from ackline.audit_feed import Window, feed, opening
from ackline.figures_text import told
from audit.figures.gather import READ
from audit.figures.html import page_of
from audit.figures.report import FiguresOf, Report
from audit.terms import GUARD_MS
from config.settings import Settings


FORMS: dict[str, Callable[[Report], str]] = {
    "table": lambda report: "\n".join(told(report)),
    "json": Report.as_json,
    "html": page_of,
}


def run_report(config: Path, state_dir: Path, window: Window, form: str) -> bool:
    """Print the figures; false where they cannot be had."""

    async def work(settings: Settings) -> bool:
        # An alert was written before what follows from it, by another machine's clock.
        async with opening(settings, window, READ, lead_ms=GUARD_MS) as what:
            figures = FiguresOf(what.from_ms, what.to_ms)
            await feed(what, figures)
        click.echo(FORMS[form](figures.report()))
        return True

    return run(config, None if window.export else state_dir, work)
