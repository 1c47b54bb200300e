"""What the demo shows: what it starts, what happens to each alert, the verdict as a table, and where to go on.

Lines with links are never wrapped here, so that a terminal of any width can still open them.
"""

import sys

from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from rich.console import Console
from rich.table import Table


_WIDTH_WITHOUT_TERMINAL = 160
"""Whoever reads a file or a pipe wants one line for each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a scenario."""

    name: str
    remark: str = ""
    expected: str = ""
    seen: str = ""

    @property
    def has_passed(self) -> bool:
        """Whether all was as expected."""
        return not self.expected


class Report:
    """Writes to the terminal, or wherever standard output goes."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            # Where the terminal's encoding has no arrows, a question mark is better than no demo.
            sys.stdout.reconfigure(errors="replace")
        self._console = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)

    def line(self, text: str, style: str = "") -> None:
        """One line, as it is."""
        self._console.print(text, style=style, markup=False, soft_wrap=True)

    def step(self, text: str) -> None:
        """Something that happens to an alert."""
        self.line(f"  {text}", "green" if text.startswith("✓") else "dim" if text.startswith("…") else "")

    def heading(self, text: str) -> None:
        """What begins now."""
        self.line("")
        self.line(text, "bold")

    def table(self, results: Sequence[Result]) -> None:
        """The verdict."""
        table = Table("scenario", "", "")
        table.columns[0].overflow = "fold"
        for result in results:
            mark = "[green]✓ passed[/]" if result.has_passed else "[red]✗ failed[/]"
            table.add_row(_plain(result.name), mark, _plain(result.remark))
        self.line("")
        self._console.print(table)
        for result in results:
            if not result.has_passed:
                self.line(f"✗ {result.name}", "red")
                self.line(f"  expected: {result.expected}")
                self.line(f"  seen:     {result.seen}")
        passed = sum(result.has_passed for result in results)
        self.line(
            f"{passed} of {len(results)} scenarios passed", "bold green" if passed == len(results) else "bold red"
        )

    def links(self, ingest: str, sandbox: str, home: Path) -> None:
        """Where the curious go on."""
        self.heading("It all runs until Ctrl-C. Have a look:")
        self.line(f"  Slack and PagerDuty   {sandbox}")
        self.line(f"  incidents             {ingest}/api/incidents")
        self.line(f"  API                   {ingest}/docs")
        self.line(f"  config and logs       {home}")
        self.heading("Send an alert of your own; half a minute is left for the ACK link in Slack:")
        body = """{"alertname": "DiskFull", "severity": "critical", "instance": "db-1"}"""
        self.line(f"  curl '{ingest}/api/incidents?oncall_wait_minutes=0.5' -d '{body}'")


def _plain(text: str) -> str:
    """Text in which brackets are brackets."""
    return text.replace("[", r"\[")
