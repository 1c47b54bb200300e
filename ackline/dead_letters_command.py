"""`ackline dead-letters`: what could not be used, why, and back to where it came from. `list` and `show` change nothing."""

import asyncio
import io
import sys
import time

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import click

from ackline.configuration import load_for_a_role
from ackline.dead_letters import Place, Verdict, judged, letter_at, letters_at, listing, place_of, write_back
from ackline.dead_letters_text import Teller
from ackline.logs import secrets_of
from ackline.topic_access import writing
from ackline.topics_admin import TopicsError, require_topics
from config.load import ConfigError
from config.settings import KafkaSettings, Settings
from streams.records.dead_letter import origin_of
from streams.topics import Topic


CONSEQUENCES = {
    Topic.ALERTS: "as if they came in now: told in Slack, and their deadlines begin",
    Topic.SLACK_NOTIFICATIONS: "told in Slack",
    Topic.DELAYS: "deadlines begin or end: one that has passed meanwhile PAGES SOMEBODY",
    Topic.ACKS: "acknowledge their incidents as they are now: what is pending in them PAGES NOBODY",
    Topic.PAGERDUTY_EVENTS: "sent to PagerDuty: a trigger PAGES SOMEBODY, however old it is",
    Topic.INCIDENT_LOG: "shown by the API",
}
"""What comes of a record that is written back."""

PATIENCE = timedelta(seconds=5)

SHOWN_PROBLEMS = 20
"""Of `retry --all`. There may be as many as letters."""

Work = Callable[[Settings, Teller], bool]


def run_list(config: Path, state_dir: Path, *, since: timedelta | None, limit: int, as_json: bool) -> bool:
    """Tell of the newest letters."""

    def work(settings: Settings, teller: Teller) -> bool:
        found = asyncio.run(listing(settings.kafka, since_ms=_since_ms(since), limit=limit))
        _say([teller.as_json(found)] if as_json else teller.table(found) if found.count else ["none"])
        if found.count > len(found.letters):
            click.echo(f"… and {found.count - len(found.letters):,} older ones; see --limit", err=True)
        return True

    return _run(config, state_dir, work)


def run_show(config: Path, state_dir: Path, *, place: str) -> bool:
    """Tell all of one letter; false where there is none."""
    wanted = _place(place)

    def work(settings: Settings, teller: Teller) -> bool:
        record = asyncio.run(letter_at(settings.kafka, wanted))
        if record is None:
            click.echo(f"{wanted}: no dead letter is there; `ackline dead-letters list` shows them", err=True)
            return False
        _say(teller.shown(record))
        return True

    return _run(config, state_dir, work)


def run_retry(config: Path, state_dir: Path, *, places: Sequence[str], since: timedelta | None, ask: bool) -> bool:
    """Write letters back: those at these places, or all that were not yet. False where one that was named was not."""
    wanted, since_ms = {_place(place) for place in places}, _since_ms(since)

    def work(settings: Settings, teller: Teller) -> bool:
        verdicts = asyncio.run(judged(settings.kafka, wanted, since_ms=since_ms))
        chosen = {place: verdict.topic for place, verdict in verdicts.items() if not verdict.problem and verdict.topic}
        _say_problems(verdicts, teller, shown=None if wanted else SHOWN_PROBLEMS)
        is_well = not wanted or len(chosen) == len(verdicts)
        if not chosen:
            click.echo("nothing to write back")
            return is_well
        _say(f"{count:,} to {topic}: {CONSEQUENCES[topic]}" for topic, count in Counter(chosen.values()).items())
        # Asked outside of any event loop: in one the first Ctrl-C is only noted, and the question stands.
        if ask:
            click.confirm("Go on?", abort=True)
        return asyncio.run(_write_all(settings.kafka, chosen.keys(), since_ms)) and is_well

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
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Letters hold all kinds of signs, and a terminal's encoding may not.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        settings = load_for_a_role(config, state_dir).settings
        # Also because a write to a topic that is missing would create it, in some shape.
        asyncio.run(require_topics(settings.kafka, patience=PATIENCE))
        return work(settings, Teller(secrets_of(settings)))
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
    except TopicsError as error:
        click.echo(str(error), err=True)
    return False


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _say_problems(verdicts: Mapping[Place, Verdict], teller: Teller, shown: int | None) -> None:
    problems = [(place, verdict.problem) for place, verdict in sorted(verdicts.items()) if verdict.problem]
    for place, problem in problems[:shown]:
        click.echo(f"{place}  not written back: it {teller.line(problem)}", err=True)
    if shown is not None and len(problems) > shown:
        click.echo(f"… and {len(problems) - shown:,} more that cannot be written back", err=True)


def _place(text: str) -> Place:
    place = place_of(text)
    if place is None:
        raise click.BadParameter(f"{text!r} is no place; `ackline dead-letters list` shows them, as partition:offset")
    return place


def _since_ms(since: timedelta | None) -> int | None:
    return None if since is None else max(0, round((time.time() - since.total_seconds()) * 1000))
