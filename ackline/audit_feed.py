"""Opens what is to be read, Kafka's topics or an export, and puts its records before whoever makes something of them."""

import time

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ackline.progress import progress
from audit.bundle_log import BundleLog
from audit.bundle_read import reading_bundle
from audit.read import opened
from audit.record import Log, LogRecord
from config.settings import Settings
from streams.topics import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which time is asked about, and where it is recorded."""

    from_ms: int | None
    """None: so long before its end as the command looks back, or the whole of an export."""
    to_ms: int | None
    """None: now, or the end of an export."""
    look_back_ms: int
    export: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What there is to read, of which time, and the settings with the names that its topics have."""

    log: Log
    settings: Settings
    from_ms: int
    to_ms: int


class Reader(Protocol):
    """Whoever makes something of the records."""

    def add(self, record: LogRecord) -> None:
        """The next record."""

    def settle(self, partition: int) -> None:
        """All of this partition was read."""


@asynccontextmanager
async def opening(
    settings: Settings, window: Window, topics: Sequence[Topic], *, lead_ms: int
) -> AsyncIterator[Opened]:
    """What is recorded of this time, and of so much before it."""
    if window.export is not None:
        with reading_bundle(window.export) as bundle:
            log = BundleLog(bundle)
            kafka = settings.kafka.model_copy(update={"topic_prefix": bundle.manifest.topic_prefix})
            to_ms = log.to_ms if window.to_ms is None else min(window.to_ms, log.to_ms)
            named = settings.model_copy(update={"kafka": kafka})
            yield Opened(log=log, settings=named, from_ms=window.from_ms or log.whole_from_ms, to_ms=to_ms)
        return
    to_ms = time.time_ns() // 1_000_000 if window.to_ms is None else window.to_ms
    from_ms = to_ms - window.look_back_ms if window.from_ms is None else window.from_ms
    async with opened(settings.kafka, from_ms=max(0, from_ms - lead_ms), to_ms=to_ms, topics=topics) as kafka_log:
        yield Opened(log=kafka_log, settings=settings, from_ms=from_ms, to_ms=to_ms)


async def feed(what: Opened, reader: Reader) -> None:
    """All of it; of an export, what is no later than asked for."""
    number: int | None = None
    with progress("Reading", what.log.size) as step:
        async for records in what.log.read():
            if number is not None and number != records[0].partition:
                reader.settle(number)
            number = records[0].partition
            for record in records:
                step()
                if record.timestamp_ms < what.to_ms:
                    reader.add(record)
