"""`ackline dead-letters`: what could not be used, why, and back to where it came from. `list` and `show` change nothing."""

import asyncio
import time

from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from ackline.configuration import load_for_a_role
from ackline.dead_letters import Place, judged, letter_at, letters_at, listing, place_of, write_back
from ackline.dead_letters_text import Teller
from ackline.logs import secrets_of
from ackline.topic_access import writing
from ackline.topics_admin import TopicsError
from config.load import ConfigError
from config.settings import KafkaSettings, Settings
from streams.records.dead_letter import origin_of
from streams.topics import Topic


CONSEQUENCES = {
    Topic.ALERTS: "as if they came in now: told in Slack, and their deadlines begin",
    Topic.SLACK_NOTIFICATIONS: "told in Slack",
    Topic.DELAYS: "deadlines begin or end",
    Topic.ACKS: "acknowledge their incidents",
    Topic.PAGERDUTY_EVENTS: "sent to PagerDuty: a trigger PAGES SOMEBODY, however old it is",
    Topic.INCIDENT_LOG: "shown by the API",
}
"""What comes of a record that is written back."""

Work = Callable[[Settings, Teller], Coroutine[Any, Any, bool]]


def run_list(config: Path, state_dir: Path, *, since: timedelta | None, limit: int, as_json: bool) -> bool:
    """Tell of the newest letters."""

    async def work(settings: Settings, teller: Teller) -> bool:
        found = await listing(settings.kafka, since_ms=_since_ms(since), limit=limit)
        for line in [teller.as_json(found)] if as_json else teller.table(found) if found.count else ["none"]:
            click.echo(line)
        if found.count > len(found.letters):
            click.echo(f"… and {found.count - len(found.letters):,} older ones; see --limit", err=True)
        return True

    return _run(config, state_dir, work)


def run_show(config: Path, state_dir: Path, *, place: str) -> bool:
    """Tell all of one letter; false where there is none."""

    async def work(settings: Settings, teller: Teller) -> bool:
        wanted = _place(place)
        record = await letter_at(settings.kafka, wanted)
        if record is None:
            click.echo(f"{wanted}: no dead letter is there; `ackline dead-letters list` shows them", err=True)
            return False
        for line in teller.shown(record):
            click.echo(line)
        return True

    return _run(config, state_dir, work)


def run_retry(config: Path, state_dir: Path, *, places: Sequence[str], since: timedelta | None, ask: bool) -> bool:
    """Write letters back: those at these places, or all that were not yet. False where one that was named was not."""

    async def work(settings: Settings, teller: Teller) -> bool:
        kafka, since_ms = settings.kafka, _since_ms(since)
        verdicts = await judged(kafka, {_place(place) for place in places}, since_ms=since_ms)
        chosen = {place: verdict.topic for place, verdict in verdicts.items() if not verdict.problem and verdict.topic}
        for place, verdict in sorted(verdicts.items()):
            if verdict.problem:
                click.echo(f"{place}  not written back: it {teller.line(verdict.problem)}", err=True)
        is_well = len(chosen) == len(verdicts) or not places
        if not chosen:
            click.echo("nothing to write back")
            return is_well
        for topic, count in Counter(chosen.values()).items():
            click.echo(f"{count:,} to {topic}: {CONSEQUENCES[topic]}")
        if ask:
            click.confirm("Go on?", abort=True)
        return await _write_all(kafka, chosen.keys(), since_ms) and is_well

    return _run(config, state_dir, work)


async def _write_all(kafka: KafkaSettings, chosen: Collection[Place], since_ms: int | None) -> bool:
    is_well = True
    async with writing(kafka) as writer:
        async for record in letters_at(kafka, chosen, since_ms=since_ms):
            place = Place(record.partition, record.offset)
            try:
                written = await write_back(writer, kafka, record)
            except TopicsError as problem:
                is_well = False
                click.echo(f"{place}  not written back: it {problem}", err=True)
            else:
                click.echo(f"{place}  → {origin_of(record.headers).topic} {written}")
    return is_well


def _run(config: Path, state_dir: Path, work: Work) -> bool:
    try:
        settings = load_for_a_role(config, state_dir).settings
        return asyncio.run(work(settings, Teller(secrets_of(settings))))
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
    except TopicsError as error:
        click.echo(str(error), err=True)
    return False


def _place(text: str) -> Place:
    place = place_of(text)
    if place is None:
        raise click.BadParameter(f"{text!r} is no place; `ackline dead-letters list` shows them, as partition:offset")
    return place


def _since_ms(since: timedelta | None) -> int | None:
    return None if since is None else round((time.time() - since.total_seconds()) * 1000)
