"""What every file of ours must be like, measured; and that nothing installed beside us claims our packages' names."""

import ast
import re
import tomllib

from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
PACKAGES = ("ackline", "audit", "bench", "config", "faults", "ingest", "streams", "notifiers", "projection", "reconciler",
            "sandbox", "state")  # fmt: skip
SOURCES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_FILE = 350
LONGEST_FUNCTION = 50

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def functions(file: Path) -> Iterator[Function]:
    return (node for node in ast.walk(parsed(file)) if isinstance(node, Function))


def length(function: Function) -> int:
    """Its lines from `def` to the end, without its docstring."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    docstring = function.body[0] if ast.get_docstring(function) else None
    return lines - (docstring.end_lineno - docstring.lineno + 1 if docstring and docstring.end_lineno else 0)


def named(file: Path, function: Function | None = None) -> str:
    """Where to look, in words that an editor opens."""
    place = str(file.relative_to(ROOT))
    return f"{place}:{function.lineno} {function.name}" if function else place


def test_there_is_something_to_measure() -> None:
    """Measuring nothing would pass everything below."""
    assert {file.relative_to(ROOT).parts[0] for file in SOURCES} == set(PACKAGES)


def test_every_module_says_what_it_guarantees() -> None:
    """A module begins with a docstring, tests included; only an empty `__init__.py` has nothing to say."""
    silent = [
        named(file) for file in SOURCES + TESTS if file.read_text().strip() and not ast.get_docstring(parsed(file))
    ]

    assert silent == []


def test_no_file_is_long() -> None:
    """A file that grows past this has a second thing in it."""
    long = [named(file) for file in SOURCES + TESTS if len(file.read_text().splitlines()) > LONGEST_FILE]

    assert long == []


def test_no_function_is_long() -> None:
    """A function fits on a screen."""
    long = [
        named(file, each) for file in SOURCES + TESTS for each in functions(file) if length(each) > LONGEST_FUNCTION
    ]

    assert long == []


def test_every_function_says_what_it_returns() -> None:
    """Without an annotation mypy looks away."""
    unsaid = [named(file, each) for file in SOURCES + TESTS for each in functions(file) if each.returns is None]

    assert unsaid == []


def test_every_test_says_what_must_be_true() -> None:
    """A test's docstring is the sentence that fails with it."""
    silent = [
        named(file, each)
        for file in TESTS
        for each in functions(file)
        if each.name.startswith("test_") and not ast.get_docstring(each)
    ]

    assert silent == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_claims_our_package(package: str) -> None:
    """Our packages have plain names, and an installer that writes another `config` over ours says nothing."""
    rivals = [
        distribution.name
        for distribution in distributions()
        if distribution.name != "ackline" and any(file.parts[0] == package for file in distribution.files or ())
    ]

    assert rivals == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_locks_hold_hashes_and_no_address(name: str) -> None:
    """What is installed is what was locked, from whatever index the machine uses."""
    lines = (ROOT / name).read_text().splitlines()
    pins = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]

    assert pins != []
    assert [lines[number] for number in pins if "--hash=sha256:" not in lines[number + 1]] == []
    assert [line for line in lines if "://" in line or line.startswith("-")] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_locks_are_of_these_dependencies(name: str) -> None:
    """A dependency that was changed and not locked would not be the one that is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"]
    if name == "requirements-dev.txt":
        wanted = wanted + project["dependency-groups"]["dev"]
    locked = {line.split()[0] for line in (ROOT / name).read_text().splitlines() if "==" in line}

    assert [pin for pin in wanted if pin not in locked] == []
