"""What the audit must be able to say about a recorded day, each as a line of a table: by the commands that anybody runs."""

import asyncio
import hashlib
import json

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ackline.roles import ROLES
from audit.bundle_lines import RecordLine
from audit.bundle_read import reading_bundle
from faults.day.recording import Day
from faults.day.tampering import Tampering, tampered, tamperings
from faults.deployment import Deployment
from faults.servers import servers


_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Proof:
    """One of them."""

    name: str
    words: str
    problems: tuple[str, ...] = ()


class Proofs:
    """All of them, one after the other; what they need of each other is kept."""

    def __init__(self, deployment: Deployment, day: Day) -> None:
        self._deployment = deployment
        self._day = day
        self._window = ("--from", _moment(day.from_ms), "--to", _moment(day.to_ms))
        self._export = deployment.home / "day.jsonl.zst"
        self._found: dict[str, bytes] = {}
        """What the commands said about the topics in which it was recorded."""

    async def all(self, *, tampered_with: int, seed: int) -> list[Proof]:
        """Every proof."""
        for role in ROLES:
            await self._deployment.let_go(role)
        found = [self._lived(), *await self._of_topics(self._deployment.config, "recorded")]
        found += [await self._exported(), await self._verified_of_export()]
        found.append(await self._tampered_with(tampered_with, seed))
        # In a Kafka of its own: the same names of topics, and nobody to read them.
        with servers(self._deployment.home / "elsewhere") as elsewhere:
            config = self._elsewhere(elsewhere.endpoints.bootstrap_servers)
            found.append(await self._imported(config))
            found += await self._of_topics(config, "imported")
        return found

    def _lived(self) -> Proof:
        day, result = self._day, self._day.result
        words = (
            f"{day.incidents:,} incidents, {day.pages:,} pages ({day.second_rounds:,} of second rounds), {result.rounds} "
            f"faults, {result.refused:,} times told to send again, {len(result.told_after_page)} ACKs won after a page that was "
            f"decided while Redis was away, {day.opened_again} pages opened again after their end"
        )
        return Proof("the day", words, (*result.lost, *result.wrong, *result.unexpected, *self._deployment.problems))

    async def _of_topics(self, config: Path, which: str) -> list[Proof]:
        """What is said of the topics; of imported ones, the same as of those in which it was recorded."""
        code, said, complained = await self._said(config, "audit", "verify", "--recompute", *self._judging())
        if not said:
            return [Proof(f"verify, {which}", "", (complained,))]
        report = json.loads(said)
        verified = self._verified(f"verify, {which}", code, report)
        recomputed = report["recomputed"]
        again = Proof(
            f"recompute, {which}",
            f"{recomputed['decisions']:,} decisions, {len(recomputed['differences'])} differ, "
            f"{recomputed['left_out']} left out",
            tuple(each["words"] for each in recomputed["differences"]),
        )
        same = Proof(f"the same, {which}", "the report", self._unlike("report", said.encode()))
        replayed = [await self._replayed(config, f"{which}, {time}") for time in ("once", "again")]
        return [verified, again, same, *replayed]

    async def _replayed(self, config: Path, which: str) -> Proof:
        code, said, complained = await self._said(config, "replay", *self._window, "--format", "json")
        stories = json.loads(said) if code == 0 else []
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        problems = [*self._unlike("stories", said.encode()), *([complained] if code else [])]
        if len(stories) != self._day.incidents:
            problems.append(f"{len(stories)} stories, and {self._day.incidents} incidents")
        return Proof(f"replay, {which}", f"{len(stories):,} stories, {len(said):,} bytes, {digest}", tuple(problems))

    def _unlike(self, what: str, said: bytes) -> tuple[str, ...]:
        return () if self._found.setdefault(what, said) == said else (f"{what}: not the same bytes as before",)

    async def _exported(self) -> Proof:
        code, said, complained = await self._said(self._deployment.config, "export", "-o", str(self._export))
        return Proof(
            "export", f"{self._export.stat().st_size:,} bytes" if code == 0 else said, _failed(code, complained)
        )

    async def _verified_of_export(self) -> Proof:
        code, said, complained = await self._verify_export(self._export)
        if not said:
            return Proof("verify --export", "", (complained,))
        return self._verified("verify --export", code, json.loads(said))

    def _verified(self, name: str, code: int | None, report: dict[str, Any]) -> Proof:
        return Proof(name, _told(report), (*_broken(code, report), *self._other_outcomes(report)))

    async def _tampered_with(self, count: int, seed: int) -> Proof:
        with reading_bundle(self._export) as bundle:
            end = await asyncio.to_thread(bundle.check, None)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, what: Tampering) -> list[str]:
            async with gate:
                return await self._unseen(self._export.with_name(f"tampered-{number}"), what)

        tried = [one(number, what) for number, what in enumerate(tamperings(count, seed, end))]
        unseen = [problem for problems in await asyncio.gather(*tried) for problem in problems]
        return Proof(
            "tampered with", f"{count} exports, each with one record removed, changed or doubled", tuple(unseen)
        )

    async def _unseen(self, path: Path, what: Tampering) -> list[str]:
        """What is wrong with the answer to a file that was tampered with."""
        record = await asyncio.to_thread(tampered, self._export, path, what)
        code, said, complained = await self._verify_export(path)
        await asyncio.to_thread(path.unlink)
        if code == 0:
            return [f"{what} ({record}): nothing was found"]
        return [] if _names(said, complained, record) else [f"{what} ({record}): is not named in {complained or said}"]

    async def _imported(self, config: Path) -> Proof:
        code, said, complained = await self._said(config, "import", str(self._export), "--yes")
        moved = [line for line in said.splitlines() if "another offset" in line]
        return Proof("import elsewhere", "into an empty Kafka", (*_failed(code, complained), *moved))

    def _elsewhere(self, bootstrap_servers: str | None) -> Path:
        path = self._deployment.home / "elsewhere.yaml"
        values = yaml.safe_load(self._deployment.config.read_text())
        values["kafka"]["bootstrap_servers"] = bootstrap_servers
        path.write_text(yaml.safe_dump(values))
        return path

    def _judging(self) -> tuple[str, ...]:
        # It is all over: nothing may be still on its way.
        return (*self._window, "--margin", "1s", "--late-after", "2h", "--format", "json")

    async def _verify_export(self, path: Path) -> tuple[int | None, str, str]:
        return await self._said(self._deployment.config, "audit", "verify", "--export", str(path), *self._judging())

    async def _said(self, config: Path, *arguments: str) -> tuple[int | None, str, str]:
        return await self._deployment.said(*arguments, config=config)

    def _other_outcomes(self, report: dict[str, Any]) -> Iterator[str]:
        """Where the audit counts otherwise than whoever sent the alerts, acknowledged them and was paged."""
        day, ends = self._day, report["obligations"]
        counts = {
            "incidents": (report["alerts"]["opened"], day.incidents),
            "pages": (ends["paged"], day.pages),
            "ends": (ends["paged"] + ends["acked"] + ends["resolved"], day.owed + day.second_rounds),
        }
        yield from (f"{name}: {told:,} instead of {true:,}" for name, (told, true) in counts.items() if told != true)


def _told(report: dict[str, Any]) -> str:
    ends = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in report["obligations"].items() if count)
    rules = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in report["suppressed"].items() if count)
    return f"{sum(report['records'].values()):,} records: {ends}; suppressed: {rules}"


def _broken(code: int | None, report: dict[str, Any]) -> list[str]:
    found = [f"{each['kind']}: {each['words']}" for each in report["findings"]]
    return found or ([f"exit code {code}"] if code and not report["recomputed"] else [])


def _failed(code: int | None, complained: str) -> tuple[str, ...]:
    return (f"exit code {code}: {complained}",) if code else ()


def _names(said: str, complained: str, record: RecordLine) -> bool:
    """Whether an answer says which record it was, or which problem it is about."""
    # Of one that is not there the chain knows only what is missing.
    gone = f"{record.topic} {record.partition} has 1 fewer", f"offset {record.offset} is the first that is not there"
    if str(record) in complained or all(each in complained for each in gone):
        return True
    findings = json.loads(said)["findings"] if said else []
    place = {"topic": str(record.topic), "partition": record.partition, "offset": record.offset}
    return any(
        place in each["evidence"]
        or (each["incident_id"] or "").startswith(f"{record.key}-")
        or each["source_key"] == record.key
        for each in findings
    )


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
