"""The short form of the fault suite: a few rows of it, each once or twice. All of it is `make faults`."""

import json
import subprocess
import sys

from pathlib import Path

import pytest


ROWS = ("kill-streams", "stop-notifiers", "freeze-redis", "pagerduty-429-retry-after", "poison")


@pytest.mark.timeout(620)
def test_nothing_is_lost_and_nobody_is_paged_wrongly(tmp_path: Path) -> None:
    """The command that everybody may run, with its verdict in its exit code and its file."""
    file = tmp_path / "results.json"
    chosen = [argument for row in ROWS for argument in ("--only", row)]

    done = subprocess.run(
        [sys.executable, "-m", "faults", *chosen, "--rounds", "2", "--state-dir", tmp_path, "--json", file],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip

    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    assert (set(ROWS), 0) == ({result["fault"] for result in results}, done.returncode), done.stdout + done.stderr
    assert [0] * len(ROWS) == [len(result["lost"]) + len(result["wrong"]) for result in results]
    assert all(result["accepted"] and result["paged"] for result in results)


def test_a_row_that_does_not_exist_is_refused() -> None:
    """Or a run of nothing would look like one that has passed."""
    done = subprocess.run(
        [sys.executable, "-m", "faults", "--only", "no-such-row"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert 2 == done.returncode
    assert "--list" in done.stderr
