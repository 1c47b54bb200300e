"""What the figures were taken on, and how busy it was before."""

import os
import platform
import shutil

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
        "java": Path(find_java()).parents[1].name,
        "load_tool": tool(),
        "versions": {name: version(name) for name in _PACKAGES},
        "load_before": [round(each, 2) for each in os.getloadavg()],
        "disk_free_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
    }


def _cpu() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
