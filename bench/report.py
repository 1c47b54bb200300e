"""What is shown of the figures: the table, and a file for whoever compares runs."""

import json
import os
import sys
import time

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from bench.figures import Line


RESULTS = Path(__file__).parent / "results"
_WIDTH_WITHOUT_TERMINAL = 160

console = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)


def table(lines: Sequence[Line], machine: Mapping[str, Any]) -> Table:
    """All figures. Red is a goal that was not reached."""
    right = ("median", "from–to", "limit", "ratio", "goal", "others' CPU")
    shown = Table("bench", "figure", *[Column(each, justify="right") for each in right], title=_title(machine))
    seen = ""
    for line in lines:
        style = "red" if line.is_met is False else ""
        is_first = line.bench != seen
        others = f"{line.others_percent:.0f} %" if is_first else ""
        shown.add_row(line.bench if is_first else "", *row(line), others, style=style)
        seen = line.bench
    return shown


def row(line: Line) -> tuple[str, ...]:
    """One figure in words."""
    return (
        line.name,
        f"{number(line.median)} {line.unit}",
        f"{number(line.least)}–{number(line.most)}" if line.rounds > 1 else "",
        number(line.limit) if line.limit is not None else "",
        f"{line.ratio:.2f}" if line.ratio is not None else "",
        _goal(line),
    )


def number(value: float) -> str:
    """A number to three digits that matter; large ones in full."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _goal(line: Line) -> str:
    if line.is_met is None:
        return ""
    wanted = f"≥ {number(line.at_least)}" if line.at_least is not None else f"≤ {number(line.at_most or 0)}"
    return f"{wanted} {'✓' if line.is_met else '✗'}"


def _title(machine: Mapping[str, Any]) -> str:
    before = machine["load_before"][0]
    busy = f", load before: {before:g}" if before < machine["cores"] / 4 else f", BUSY: load before was {before:g}"
    return f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']} GB{busy}"


def write(lines: Sequence[Line], machine: Mapping[str, Any], failed: Mapping[str, str], file: Path | None) -> Path:
    """The file."""
    file = file or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": dict(machine),
        "load_after": [round(each, 2) for each in os.getloadavg()],
        "figures": [{**asdict(line), "is_met": line.is_met} for line in lines],
        "failed": dict(failed),
    }
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return file
