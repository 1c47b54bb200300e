"""What the figures were taken on, how busy it was before, and what others did on it meanwhile."""

import os
import platform
import shutil
import time

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from ackline.local_stack.java import find_java
from bench.load.closed import tool


_PACKAGES = ("ackline", "faust-streaming", "aiokafka", "rocksdict", "fastapi", "uvicorn", "uvloop", "httpx",
             "httpx-aiohttp", "aiohttp", "msgspec")  # fmt: skip
_CPUINFO = Path("/proc/cpuinfo")


def facts() -> dict[str, Any]:
    """All that somebody needs to compare these figures with others."""
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "cpu": _cpu(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "java": Path(find_java()).resolve().parents[1].name,
        "load_tool": tool(),
        "versions": {name: version(name) for name in _PACKAGES},
        "load_before": [round(each, 2) for each in os.getloadavg()],
        "disk_free_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
    }


@dataclass(frozen=True, slots=True)
class Usage:
    """The processors' work until a moment, in seconds."""

    at: float
    all: float
    ours: float
    """Of this process and all that it has started, Kafka and Redis included."""


def usage() -> Usage:
    """The work until now."""
    times, me = psutil.cpu_times(), psutil.Process()
    ours = sum(sum(process.cpu_times()[:4]) for process in (me, *me.children(recursive=True)))
    return Usage(time.monotonic(), sum(times) - times.idle - getattr(times, "iowait", 0), ours)


def used_by_others(before: Usage, after: Usage, cores: int = psutil.cpu_count() or 1) -> float:
    """How much of the machine was not to be had in between, in per cent: figures are lower for it."""
    seconds = (after.at - before.at) * cores
    others = (after.all - before.all) - (after.ours - before.ours)
    return min(100.0, max(0.0, 100 * others / seconds))


def _cpu() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
