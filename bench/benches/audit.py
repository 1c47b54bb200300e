"""The audit: how fast its commands read what is recorded, on one core, and how much memory they need for how much of it."""

import asyncio
import os
import sys
import time

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ackline.topics_admin import ensure_topics
from ackline.topics_sink import writing_topics
from bench import topics
from bench.alerts import body
from bench.figures import CannotMeasure, Figure
from bench.ground import Ground
from bench.history import History
from bench.measure import Bench, Scale
from bench.processes import ROOT
from config.load import load
from config.settings import Settings
from streams.policy import policy_of


_GOAL = 20_000
_MOST_MB = 500
_LOOK_SECONDS = 0.05
_DAYS_MS = 2 * 24 * 3_600_000
_COMMANDS = {
    "verify": ("audit", "verify"),
    "verify --recompute": ("audit", "verify", "--recompute"),
    "replay as jsonl": ("replay", "--format", "jsonl"),
    "replay as json": ("replay", "--format", "json"),
}


@dataclass(frozen=True, slots=True)
class _Used:
    seconds: float
    cpu_seconds: float
    megabytes: float


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Records a second through verify, recompute and replay, and their memory, at two numbers of incidents."""
    # What an alert is about is let go of at once, so that memory can be seen with small ones.
    for incidents, of_alert in (scale.of(50_000, 2_000), body), (scale.of(1_000_000, 5_000), _small):
        config, settings = _deployment(ground, incidents)
        records = await _written(settings, incidents, of_alert)
        for name, arguments in _COMMANDS.items():
            used = await _run(ground.home / f"{name}.out", arguments, config)
            words = f"{name}, {incidents:,} incidents"
            yield Figure(name=words, value=records / used.seconds, unit="records/s")
            by_cpu = records / used.cpu_seconds
            # A few thousand are read sooner than the interpreter has started.
            least = None if scale.is_quick else _GOAL
            yield Figure(name=f"{words}, by processor time", value=by_cpu, unit="records/s", at_least=least)
            yield Figure(name=f"{words}, memory", value=used.megabytes, unit="MB", at_most=_MOST_MB)
        await topics.delete(settings.kafka)


def _deployment(ground: Ground, incidents: int) -> tuple[Path, Settings]:
    path = ground.home / f"audit-{incidents}-{time.time_ns()}.yaml"
    values = {
        "alert": {"slack": {"token": "xoxb-bench", "channel_id": "C1"}},
        "oncall": {"pagerduty": {"routing_key": "0" * 32}},
        "kafka": {"bootstrap_servers": ground.stack.endpoints.bootstrap_servers, "topic_prefix": f"{path.stem}."},
        "redis": {"host": "127.0.0.1", "port": 1},
    }
    path.write_text(yaml.safe_dump(values))
    return path, load(path, {}).settings


def _small(named: str) -> dict[str, Any]:
    return {"title": named}


async def _written(settings: Settings, incidents: int, of_alert: Callable[[str], dict[str, Any]]) -> int:
    """Write a history to topics of its own, each record with the time that it has; how many there are."""
    kafka = settings.kafka
    await ensure_topics(kafka)
    begin_ms = time.time_ns() // 1_000_000 - _DAYS_MS
    history = History(kafka.topic_prefix, kafka.partitions, policy_of(settings), begin_ms, of_alert)
    async with writing_topics(kafka) as sink:
        for line in history.incidents(range(incidents)):
            await sink.write(line)
        await sink.flush()
    return sink.written


async def _run(out: Path, arguments: Sequence[str], config: Path) -> _Used:
    """Run a command to its end, with what it says in a file."""
    before = time.monotonic()
    command = [sys.executable, "-P", "-m", "ackline", *arguments, "--config", str(config), "--from", "30d"]
    with out.open("wb") as file:
        process = await asyncio.to_thread(os.posix_spawn, command[0], command, _environ(), file_actions=[
            (os.POSIX_SPAWN_DUP2, file.fileno(), 1), (os.POSIX_SPAWN_DUP2, file.fileno(), 2),
        ])  # fmt: skip
        megabytes = 0.0
        while not (ended := await asyncio.to_thread(os.wait4, process, os.WNOHANG))[0]:
            megabytes = max(megabytes, _most_megabytes(process))
            await asyncio.sleep(_LOOK_SECONDS)
    _, status, usage = ended
    if code := os.waitstatus_to_exitcode(status):
        raise CannotMeasure(f"{' '.join(arguments)} ended with code {code}; what it said is in {out}")
    return _Used(time.monotonic() - before, usage.ru_utime + usage.ru_stime, megabytes)


def _most_megabytes(process: int) -> float:
    """The most memory that a process has had so far. What Linux says of it at its end is never less than what this
    process had when it started the other."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


AUDIT = Bench(name="audit", measure=measure, against="the goals: nothing naive says as much", rounds=1)
"""A million incidents are written once, and read once by each command."""
