"""`ackline audit what-if`: what the recorded alerts and ACKs would have come to under another config file."""

import os

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from ackline.audit_command import rules_of, run
from ackline.audit_feed import Opened, Window, feed, opening
from ackline.what_if_text import told
from audit.terms import GUARD_MS, milliseconds
from audit.what_if.comparison import READ, Report, WhatIf
from audit.what_if.differing import differing
from audit.what_if.html import page_of
from audit.what_if.setup import Setup, names_of_keys
from config.load import ConfigError, load
from config.settings import Settings


FORMS: dict[str, Callable[[Report], str]] = {
    "table": lambda report: "\n".join(told(report)),
    "json": Report.as_json,
    "html": page_of,
}


def run_what_if(
    config: Path, state_dir: Path, window: Window, changed: Path, *, form: str, fail_on: str | None
) -> bool:
    """Print the comparison; false where it cannot be made, or finds what is to fail."""

    async def work(settings: Settings) -> bool:
        after = _loaded(changed)
        async with opening(settings, window, READ, lead_ms=_lead_ms(settings, after)) as what:
            report = await compared(what, after)
        click.echo(FORMS[form](report))
        return not (fail_on and report.missing_critical)

    return run(config, None if window.export else state_dir, work)


def _loaded(path: Path) -> Settings:
    try:
        return load(path, os.environ).settings
    except ConfigError as error:
        # Two files are read: whose problem is it?
        raise ConfigError([each if str(path) in each else f"{path}: {each}" for each in error.problems]) from None


def _lead_ms(before: Settings, after: Settings) -> int:
    """So much earlier must be read that what was open is known: nothing stays open for longer without an alert."""
    return GUARD_MS + max(milliseconds(each.incident.quiet_after) for each in (before, after))


async def compared(what: Opened, after: Settings) -> Report:
    """What is recorded, under the settings in force and these."""
    what_if = WhatIf(*setups_of(what.settings, after), from_ms=what.from_ms, to_ms=what.to_ms)
    await feed(what, what_if)
    return what_if.report(differing(what.settings, after))


def setups_of(before: Settings, after: Settings) -> tuple[Setup, Setup]:
    """The two sides, with the ids and the topics of the first."""
    rules, changed = rules_of(before), rules_of(after)
    secret = rules.policy.secret
    changed = replace(
        changed,
        policy=replace(changed.policy, secret=secret),
        intake=replace(changed.intake, secret=secret),
        topic_prefix=rules.topic_prefix,
    )
    names, other_names = names_of_keys(before, after)
    return (
        Setup(rules=rules, channel=before.alert.slack.channel_id, keys=names),
        Setup(rules=changed, channel=after.alert.slack.channel_id, keys=other_names),
    )
