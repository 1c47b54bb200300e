"""docs/guarantees.md names what shows each promise: those tests and rows exist, and its figures are those of the code."""

import ast
import os
import re
import subprocess
import sys

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pydantic import TypeAdapter

from config.settings import MAX_WAIT_MINUTES, AckSettings, Duration, Settings
from state import claims
from streams.topics import KEPT_FOR_AUDIT


ROOT = Path(__file__).parents[2]
WORDS = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
NO_TEST = "no test"
"""What is not promised may have none, and then says so."""

_TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
_ROW = re.compile(r"`faults::([\w-]+)`")
_PROMISED = re.compile(r"^\| \*\*([A-Z]\d+)\*\* \|", re.MULTILINE)
_SHOWN = re.compile(r"^- \*\*([A-Z]\d+)\*\* (.*(?:\n  .*)*)", re.MULTILINE)
_FIGURE = re.compile(r"^\| `([\w.:]+)` \| ([\w.]+) \|", re.MULTILINE)


def shown() -> dict[str, str]:
    """What is said to show each promise."""
    return dict(_SHOWN.findall(WORDS))


@cache
def names_of_tests(file: str) -> frozenset[str]:
    """The names by which pytest knows the tests of a file, whatever their parameters."""
    return frozenset(_tests(ast.parse((ROOT / file).read_text(encoding="utf-8")).body))


def _tests(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from (f"{node.name}::{name}" for name in _tests(node.body))
        # A state machine of hypothesis is given to pytest by a name that begins so.
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield from {node.targets[0].id} if node.targets[0].id.startswith("Test") else ()


@cache
def rows() -> frozenset[str]:
    """The rows of the fault suite, as it lists them itself: it is no part of what is installed."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    listed = subprocess.run(
        [sys.executable, "-m", "faults", "--list"], cwd=ROOT, env=environ, check=True, capture_output=True, text=True
    ).stdout
    return frozenset(line.split()[0] for line in listed.splitlines())


def default_of(name: str) -> Any:
    """A setting's default, by its path in the config file; or a constant, by `module:NAME`."""
    if ":" in name:
        module, _, constant = name.partition(":")
        return getattr(import_module(module), constant)
    value: Any = Settings.model_construct()
    for part in name.split("."):
        value = getattr(value, part)
    return value


def test_every_test_that_is_named_exists() -> None:
    """Under that name, in that file."""
    named = _TEST.findall(WORDS)

    assert named
    assert [] == [
        f"{file}::{name}" for file, name in named if not (ROOT / file).is_file() or name not in names_of_tests(file)
    ]


def test_every_row_that_is_named_exists() -> None:
    """In the fault suite."""
    named = set(_ROW.findall(WORDS))

    assert named
    assert set() == named - rows()


def test_every_row_of_the_fault_suite_shows_something() -> None:
    """A fault that no promise speaks of is one that a reader cannot find."""
    assert set() == rows() - set(_ROW.findall(WORDS))


def test_every_promise_names_what_shows_it() -> None:
    """And nothing is shown that is not promised; each once."""
    promised = _PROMISED.findall(WORDS)

    assert len(promised) == len(set(promised))
    assert sorted(promised) == sorted(name for name, _ in _SHOWN.findall(WORDS))
    assert [] == [
        name for name, by in shown().items() if not (_TEST.search(by) or _ROW.search(by) or _is_bare(name, by))
    ]


def _is_bare(name: str, by: str) -> bool:
    return name.startswith("N") and by.startswith(NO_TEST)


def test_each_rule_of_faust_is_there() -> None:
    """All eight."""
    assert [f"R{number}" for number in range(1, 9)] == [name for name in shown() if name.startswith("R")]


@pytest.mark.parametrize(("name", "told"), _FIGURE.findall(WORDS))
def test_a_figure_is_that_of_the_code(name: str, told: str) -> None:
    """A default that was changed must be changed in the words, too."""
    default = default_of(name)
    expected = TypeAdapter(Duration).validate_python(told) if isinstance(default, timedelta) else type(default)(told)

    assert expected == default


def test_there_are_figures() -> None:
    """Or the test above would have nothing to fail with."""
    assert len(_FIGURE.findall(WORDS)) > 10


def test_what_is_kept_is_kept_for_longer_than_anybody_waits() -> None:
    """Records, claims and signed links outlive the longest wait."""
    longest = timedelta(minutes=MAX_WAIT_MINUTES)

    assert all(kept > longest for kept in (KEPT_FOR_AUDIT, claims.KEPT, AckSettings().valid_for))
