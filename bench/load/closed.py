"""As many requests as the server takes, over a set number of connections, each waiting for its answer.

By `wrk` where it is installed, else by `bench.load.hammer`: a process of its own either way.
"""

import asyncio
import itertools
import json
import shutil
import sys

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.alerts import body
from bench.figures import CannotMeasure
from bench.processes import told


SCRIPT = Path(__file__).with_name("alerts.lua")
_PLACE = "@"
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a load has seen."""

    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    count: int


def tool() -> str:
    """By what the load is made."""
    return "wrk" if shutil.which("wrk") else "bench.load.hammer"


async def load(urls: Sequence[str], connections: int, seconds: int) -> Answered:
    """Load servers with alerts, each of a group of its own; the connections are shared among the servers.

    Raises:
        CannotMeasure: a request was not answered with 2xx.
    """
    each = max(1, connections // len(urls))
    found = await asyncio.gather(*[told(_command(url, each, seconds)) for url in urls])
    if failed := sum(one["failed"] for one in found):
        raise CannotMeasure(f"{failed} requests of {sum(one['answered'] for one in found)} were not answered with 2xx")
    return Answered(
        per_second=sum(one["answered"] / one["seconds"] for one in found),
        p50_ms=max(one["p50_ms"] for one in found),
        p99_ms=max(one["p99_ms"] for one in found),
        max_ms=max(one["max_ms"] for one in found),
        count=sum(one["answered"] for one in found),
    )


def _command(url: str, connections: int, seconds: int) -> list[str]:
    text, first = json.dumps(body(_PLACE)), str(next(_NUMBERS) * 20_000_000)
    if wrk := shutil.which("wrk"):
        how = ["-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
        return [wrk, *how, url, "--", text, first]
    how = ["--connections", str(connections), "--seconds", str(seconds), "--first", first]
    return [sys.executable, "-m", "bench.load.hammer", *how, url, text]
