"""The command of the benches works. What it measures is nobody's verdict: there is no time in here."""

import json
import os
import subprocess
import sys

from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=ROOT, env={**os.environ, "PYTHONSAFEPATH": ""},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_a_bench_is_measured_beside_its_limit(tmp_path: Path) -> None:
    """One command sets up all that it needs, shows a table, and leaves a file and no processes."""
    file = tmp_path / "results.json"

    done = bench("--quick", "--only", "fan-out", "--state-dir", tmp_path / "state", "--json", file)

    assert 0 == done.returncode, done.stdout + done.stderr
    results = json.loads(file.read_text(encoding="utf-8"))
    assert {"new groups", "new groups, until their deadlines are kept", "repeats"} == {
        figure["name"] for figure in results["figures"]
    }
    assert all(figure["median"] > 0 and figure["ratio"] > 0 for figure in results["figures"])
    assert "alerts/s" in done.stdout


def test_all_benches_are_listed_with_their_limits() -> None:
    """Whoever reads a figure must be able to find out what it is."""
    done = bench("--list")

    names = [line.split()[0] for line in done.stdout.splitlines()]
    explained = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    assert len(set(names)) == len(names) >= 10
    assert [] == [name for name in names if f"`{name}`" not in explained]
    assert all("Against: " in line for line in done.stdout.splitlines())


def test_a_quick_run_takes_few_of_them() -> None:
    """It has three minutes; those that it leaves out can be named."""
    everything, few, named = (
        [line.split()[0] for line in bench(*arguments, "--list").stdout.splitlines()]
        for arguments in ([], ["--quick"], ["--quick", "--only", "pending"])
    )

    assert 0 < len(few) < len(everything)
    assert set(few) < set(everything)
    assert ["pending"] == named


def test_a_bench_that_does_not_exist_is_refused() -> None:
    """Or a run of nothing would look like one in which all is well."""
    done = bench("--only", "no-such-bench")

    assert 2 == done.returncode
    assert "--list" in done.stderr
