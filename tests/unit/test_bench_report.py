"""The table and the file of the benches, and what others used of the machine."""

import json

from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.figures import Figure, Line, Round, lines
from bench.machine import Usage, facts, used_by_others
from bench.report import number, row, write


MACHINE: dict[str, Any] = {"cores": 2, "cpu": "any", "memory_gb": 8.0, "load_before": [0.1, 0.1, 0.1]}


def the_lines(**more: float) -> list[Line]:
    """Two rounds of one figure."""
    figures = [Figure(name="64 connections", value=value, unit="requests/s", **more) for value in (4_000, 6_000)]
    return lines("ingest", [Round([figure], others_percent=25) for figure in figures])


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.123, "0.12"), (9.5, "9.50"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_numbers_have_the_digits_that_matter(value: float, expected: str) -> None:
    """A figure that differs from round to round needs no decimals."""
    assert expected == number(value)


def test_a_row_says_what_is_known() -> None:
    """The median with its unit, how far the rounds were apart, the limit and the goal."""
    (line,) = the_lines(limit=10_000, at_least=8_000)

    assert ("64 connections", "5,000 requests/s", "4,000–6,000", "10,000", "0.50", "≥ 8,000 ✗") == row(line)


def test_a_row_without_limit_and_goal_has_empty_places() -> None:
    """Nothing is made up for them."""
    (line,) = the_lines()

    assert ("", "", "") == row(line)[3:]


def test_the_table_says_that_the_machine_was_busy() -> None:
    """Figures of a busy machine must not be taken for those of an idle one."""
    with report.console.capture() as shown:
        report.console.print(report.table(the_lines(), {**MACHINE, "load_before": [3.5, 1, 1]}))

    assert "BUSY" in shown.get()
    assert "25 %" in shown.get()


def test_the_file_holds_figures_machine_and_what_failed(tmp_path: Path) -> None:
    """Whoever compares two runs needs no more than their files."""
    file = write(the_lines(at_most=10), MACHINE, {"timer": "not within 5 s"}, tmp_path / "new" / "results.json")

    content = json.loads(file.read_text(encoding="utf-8"))
    assert ({"timer": "not within 5 s"}, MACHINE) == (content["failed"], content["machine"])
    assert [("64 connections", 5_000, False)] == [(f["name"], f["median"], f["is_met"]) for f in content["figures"]]


@pytest.mark.parametrize(
    ("busy", "ours", "expected"),
    [(10.0, 10.0, 0), (10.0, 5.0, 25), (20.0, 0.0, 100), (10.0, 10.1, 0)],
    ids=["only us", "half of it others", "all of it others", "clocks that differ a little"],
)
def test_what_others_use_is_what_is_not_ours(busy: float, ours: float, expected: float) -> None:
    """In per cent of the whole machine: ten seconds on two cores are twenty."""
    assert expected == used_by_others(Usage(100, 50, 30), Usage(110, 50 + busy, 30 + ours), cores=2)


def test_the_facts_of_this_machine_are_known() -> None:
    """All that a comparison needs, and no name of a host or a user."""
    found = facts()

    assert {"cores", "memory_gb", "cpu", "python", "versions", "load_before", "load_tool"} <= set(found)
    assert found["cores"] > 0
