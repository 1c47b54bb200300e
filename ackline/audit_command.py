"""`ackline audit verify`: reads the topics between two times, and says whether every promise was kept."""

import asyncio
import os
import time

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from msgspec import structs

from ackline.audit_text import told
from ackline.configuration import load_for_a_role
from ackline.progress import progress
from audit.bundle_log import BundleLog
from audit.bundle_read import BundleProblem, reading_bundle
from audit.read import opened
from audit.recompute import Recomputation
from audit.record import Log
from audit.refold_alerts import Rules
from audit.report import Report
from audit.terms import GUARD_MS, Terms, milliseconds
from audit.topics_source import TopicsUnreadableError
from audit.verify import Verification
from config.load import ConfigError, load
from config.settings import MAX_WAIT_MINUTES, Settings
from streams.decide.intake import Intake
from streams.policy import policy_of


Work = Callable[[Settings], Coroutine[Any, Any, bool]]


LOOK_BACK = timedelta(days=8)
"""The longest wait, and a day: whoever verifies at least daily judges everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be judged, and how strictly."""

    from_ms: int | None
    """None: `LOOK_BACK`, or the whole of an export."""
    to_ms: int | None
    """None: now, or the end of an export."""
    margin: timedelta
    late_after: timedelta
    recompute: bool = False


def run_verify(config: Path, state_dir: Path, asked: Asked, *, export: Path | None, as_json: bool) -> bool:
    """Print the report; says whether it is clean."""

    async def of_kafka(settings: Settings) -> bool:
        to_ms = _now_ms() if asked.to_ms is None else asked.to_ms
        from_ms = to_ms - milliseconds(LOOK_BACK) if asked.from_ms is None else asked.from_ms
        async with opened(settings.kafka, from_ms=from_ms - GUARD_MS, to_ms=to_ms) as log:
            return await told_of(log, settings, replace(asked, from_ms=from_ms, to_ms=to_ms))

    async def of_export(settings: Settings) -> bool:
        assert export is not None
        with reading_bundle(export) as bundle:
            log = BundleLog(bundle)
            prefix = bundle.manifest.topic_prefix
            kafka = settings.kafka.model_copy(update={"topic_prefix": prefix})
            of_it = replace(asked, to_ms=log.to_ms if asked.to_ms is None else min(asked.to_ms, log.to_ms))
            return await told_of(log, settings.model_copy(update={"kafka": kafka}), of_it)

    async def told_of(log: Log, settings: Settings, of_it: Asked) -> bool:
        terms = terms_of(settings, of_it, whole_from_ms=log.whole_from_ms)
        report = await verified(log, terms, rules_of(settings) if asked.recompute else None)
        click.echo(report.as_json() if as_json else "\n".join(told(report)))
        return report.is_clean

    return run(config, None if export else state_dir, of_export if export else of_kafka)


def run(config: Path, state_dir: Path | None, work: Work) -> bool:
    """Do this with the settings of a config file; false, and told, where that cannot be done. No `state_dir`: it needs
    neither Kafka nor Redis."""
    try:
        loaded = load_for_a_role(config, state_dir) if state_dir else load(config, os.environ)
        return asyncio.run(work(loaded.settings))
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
    except (BundleProblem, TopicsUnreadableError) as error:
        click.echo(str(error), err=True)
    except OSError as error:
        click.echo(f"{error.filename}: cannot be read ({error.strerror})", err=True)
    return False


async def verified(log: Log, terms: Terms, rules: Rules | None = None) -> Report:
    """The report about what lies in a log; with rules, also what they would have decided."""
    verification = Verification(terms, log.spans)
    recomputation = Recomputation(terms, rules) if rules else None
    readers: list[Verification | Recomputation] = [verification, *([recomputation] if recomputation else [])]
    number: int | None = None
    with progress("Reading", log.size) as step:
        async for records in log.read():
            for reader in readers:
                if number is not None and number != records[0].partition:
                    reader.settle(number)
                for record in records:
                    reader.add(record)
            number = records[0].partition
            for _ in records:
                step()
    report = verification.report()
    return structs.replace(report, recomputed=recomputation.report()) if recomputation else report


def rules_of(settings: Settings) -> Rules:
    """What today's settings say about decisions."""
    policy = policy_of(settings)
    intake = Intake(secret=policy.secret, key_names=settings.key_names, max_wait_minutes=MAX_WAIT_MINUTES)
    return Rules(
        policy=policy,
        intake=intake,
        topic_prefix=settings.kafka.topic_prefix,
        new_rounds=settings.oncall.new_rounds,
        tells_slack=settings.alert.slack.enable,
    )


def terms_of(settings: Settings, asked: Asked, *, whole_from_ms: int) -> Terms:
    """What a deployment's records are judged by. `whole_from_ms`: since when all of them are there."""
    begin_ms = whole_from_ms + GUARD_MS if whole_from_ms else 0
    return Terms(
        from_ms=max(begin_ms, asked.from_ms or 0),
        as_of_ms=_now_ms() if asked.to_ms is None else asked.to_ms,
        margin_ms=milliseconds(asked.margin),
        late_after_ms=milliseconds(asked.late_after),
        new_rounds=settings.oncall.new_rounds,
        topic_prefix=settings.kafka.topic_prefix,
        secret=settings.deployment_secret,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
