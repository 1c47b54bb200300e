"""The short form of the recorded day: a few incidents with faults in the middle of them. All of it is `make day`."""

import subprocess
import sys

from pathlib import Path

import pytest


@pytest.mark.timeout(620)
def test_the_audit_proves_a_day_with_faults_in_it(tmp_path: Path) -> None:
    """It verifies clean and is decided anew alike, is told alike twice, and is the same where it is imported; and what is
    done to an export is named."""
    done = subprocess.run(
        [sys.executable, "-m", "faults.day", "--incidents", "100", "--per-second", "10", "--tampered", "4",
         "--state-dir", tmp_path / "day"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip

    proofs = [line.split("│")[2].strip() for line in done.stdout.splitlines() if line.startswith("│ ✓")]
    assert 0 == done.returncode, done.stdout + done.stderr
    assert [
        "the day", "verify, recorded", "recompute, recorded", "the same, recorded", "replay, recorded, once",
        "replay, recorded, again", "export", "verify --export", "tampered with", "import elsewhere", "verify, imported",
        "recompute, imported", "the same, imported", "replay, imported, once", "replay, imported, again",
    ] == proofs  # fmt: skip
