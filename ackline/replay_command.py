"""`ackline replay`: each incident's story, from the records in Kafka. Reads without a trace, and sends nothing."""

import contextlib
import itertools

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from ackline.audit_command import run
from ackline.progress import progress
from audit.html import page_of
from audit.read import KafkaLog, opened
from audit.record import Log
from audit.spool import Spool
from audit.story import Asked, Story, Storybook
from audit.words import clock, length
from config.settings import Settings


MOST_ON_A_PAGE = 5_000
"""Incidents in one HTML file: more of them nobody reads, and hardly a browser opens."""
_TOO_MANY = (
    f"These are more than {MOST_ON_A_PAGE:,} incidents, too many for one page. Choose some with --incident, --source-key or "
    "--label, or a shorter time with --from and --to; --format jsonl has all of them"
)
_LINES_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which time, which incidents, and in which form."""

    from_ms: int
    to_ms: int
    incident: str | None
    source_key: str | None
    labels: tuple[tuple[str, str], ...]
    form: str
    follow: bool = False


def run_replay(config: Path, state_dir: Path, request: Request) -> bool:
    """Print the stories; false where they cannot be read."""

    async def work(settings: Settings) -> bool:
        asked = Asked(request.incident, request.source_key, request.labels, settings.oncall.new_rounds)
        async with opened(settings.kafka, from_ms=request.from_ms, to_ms=request.to_ms) as log:
            # With --follow all of it is kept: what happens next belongs to what has happened.
            books = {number: Storybook(asked) for _, number in log.spans}
            with contextlib.closing(Spool()) as spool:
                async for some in told(log, books, keep=request.follow):
                    if request.form == "jsonl":
                        _print(some, request)  # the form that needs no order
                        continue
                    for story in some:
                        spool.add(story)
                        if is_too_much(spool, request.form):
                            click.echo(_TOO_MANY, err=True)
                            return False
                if request.form != "jsonl":
                    _print(spool.stories(), request)
            if request.follow:
                await _follow(log, books, request)
        return True

    return run(config, state_dir, work)


async def told(log: Log, books: dict[int, Storybook], *, keep: bool) -> AsyncIterator[Iterator[Story]]:
    """The stories of one partition after the other, the oldest of each first; to be taken before going on."""
    number: int | None = None
    with progress("Reading", log.size) as step:
        async for records in log.read():
            if number not in {None, records[0].partition}:
                yield _stories(books, number, keep=keep)
            number = records[0].partition
            for record in records:
                books[number].add(record)
                step()
    yield _stories(books, number, keep=keep)


def _stories(books: dict[int, Storybook], number: int | None, *, keep: bool) -> Iterator[Story]:
    """What one partition tells; its book is closed unless it is to go on."""
    book = books.get(-1 if number is None else number)
    if book is None:
        return
    yield from book.stories()
    if not keep:
        del books[-1 if number is None else number]


def is_too_much(stories: Sized, form: str) -> bool:
    """Whether nobody could use a file of this form with so many of them."""
    return form == "html" and len(stories) > MOST_ON_A_PAGE


def _print(stories: Iterable[Story], request: Request) -> None:
    for lines in _at_once(FORMS[request.form](stories, request)):
        click.echo("\n".join(lines))


def _at_once(lines: Iterable[str]) -> Iterator[list[str]]:
    """Some at once, since each time that something is printed costs as much as a line of it."""
    left = iter(lines)
    while some := list(itertools.islice(left, _LINES_AT_ONCE)):
        yield some


async def _follow(log: KafkaLog, books: dict[int, Storybook], request: Request) -> None:
    """Tell what happens from now on, as it happens."""
    seen = {each.record for book in books.values() for story in book.stories() for each in story.happened}
    async for records in log.follow():
        for record in records:
            book = books[record.partition]
            incident = book.add(record)
            story = book.wanted(incident) if incident else None
            if story is None:
                continue
            news = tuple(each for each in story.happened if each.record not in seen)
            seen |= {each.record for each in news}
            if news:
                _print([msgspec.structs.replace(story, happened=news)], request)


def _json(stories: Iterable[Story], _: Request) -> Iterator[str]:
    """A list, story after story, as if all of it had been written at once."""
    last = ""
    for story in stories:
        yield f"{last}," if last else "["
        # A line break is one between two fields: those in texts are escaped.
        last = "  " + msgspec.json.format(msgspec.json.encode(story), indent=2).decode().replace("\n", "\n  ")
    yield f"{last}\n]" if last else "[]"


def _jsonl(stories: Iterable[Story], _: Request) -> Iterator[str]:
    yield from (msgspec.json.encode(story).decode() for story in stories)


def _html(stories: Iterable[Story], request: Request) -> Iterator[str]:
    yield page_of(tuple(stories), request.from_ms, request.to_ms)


def _table(stories: Iterable[Story], _: Request) -> Iterator[str]:
    is_empty = True
    for story in stories:
        is_empty = False
        yield f"{story.title}{f' ({story.severity})' if story.severity else ''}  {story.incident_id}  {story.state}"
        yield f"  {story.verdict}"
        for each in story.happened:
            cause = f" ← {each.cause}" if each.cause else ""
            yield f"  {clock(each.at_ms)}  {each.words}  [{each.record}{cause}]"
        yield f"  {length(story.happened[-1].at_ms - story.began_ms)} in all"
        yield ""
    if is_empty:
        yield "no incident"


FORMS: dict[str, Callable[[Iterable[Story], Request], Iterator[str]]] = {
    "table": _table,
    "json": _json,
    "jsonl": _jsonl,
    "html": _html,
}
