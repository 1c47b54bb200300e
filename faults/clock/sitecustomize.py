"""Moves the wall clock of a Python process by what stands in the file that FAULTS_CLOCK names, in nanoseconds.

Python imports this module at its start when its directory is in PYTHONPATH. The steady clock stays as it is, as it does
when somebody sets a machine's clock.
"""

import mmap
import os
import time


def _move(path: str) -> None:
    with open(path, "r+b") as file:  # noqa: PTH123  # nothing but the least is imported this early
        shared = mmap.mmap(file.fileno(), 8)
    true_ns = time.time_ns

    def time_ns() -> int:
        return true_ns() + int.from_bytes(shared[:8], "little", signed=True)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if "FAULTS_CLOCK" in os.environ:
    _move(os.environ["FAULTS_CLOCK"])
