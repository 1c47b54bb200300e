"""What is shown: a line when a row ends, the table, what to look at, and a file for whoever compares runs."""

import json
import sys
import time

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from faults.verdict import Result


RESULTS = Path(__file__).parent / "results"
_MOST_SHOWN = 10

_WIDTH_WITHOUT_TERMINAL = 160

console = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)


def line(result: Result) -> None:
    """One row that has ended."""
    mark = "✓" if result.has_passed else "✗"
    console.print(
        f"{mark} {result.fault}: {result.accepted} accepted, {result.paged} paged, {len(result.lost)} lost, "
        f"{len(result.wrong)} wrongly paged, {len(result.unexpected)} unexpected, {result.seconds:.0f} s",
        markup=False, style="" if result.has_passed else "red",
    )  # fmt: skip


def table(results: Sequence[Result], seconds: float) -> None:
    """All of them, and where to look at those that failed."""
    columns = ("accepted", "refused", "paged", "lost", "wrongly paged", "unexpected", "duplicates", "Slack twice",
               "worst lateness", "seconds")  # fmt: skip
    shown = Table("fault", *[Column(each, justify="right") for each in columns])
    for each in results:
        counts = (each.accepted, each.refused, each.paged, len(each.lost), len(each.wrong), len(each.unexpected),
                  each.duplicates, each.told_twice)  # fmt: skip
        shown.add_row(
            each.fault, *map(str, counts), f"{each.worst_lateness_ms / 1000:.1f} s", f"{each.seconds:.0f}",
            style="" if each.has_passed else "red",
        )  # fmt: skip
    console.print(shown)
    for each in results:
        _look_at(each)
    passed = sum(each.has_passed for each in results)
    console.print(f"{passed} of {len(results)} rows as promised, in {seconds / 60:.1f} minutes", markup=False)


def _look_at(result: Result) -> None:
    if result.has_passed:
        return
    console.print(f"✗ {result.fault} (seed {result.seed}); logs in {result.logs}", style="red", markup=False)
    for what, found in (("lost", result.lost), ("wrong", result.wrong), ("unexpected", result.unexpected)):
        for each in found[:_MOST_SHOWN]:
            console.print(f"    {what}: {each}", markup=False, soft_wrap=True)
        if len(found) > _MOST_SHOWN:
            console.print(f"    … and {len(found) - _MOST_SHOWN} more {what}", markup=False)


def write(results: Sequence[Result], file: Path | None) -> Path:
    """The file."""
    file = file or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([each.as_json() for each in results], indent=2) + "\n", encoding="utf-8")
    return file
