"""How stories are printed: in order and piece by piece, the same bytes as if all of them had been held at once."""

import contextlib
import random

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest

from ackline.replay_command import FORMS, MOST_ON_A_PAGE, Request, is_too_much
from audit.findings import Place
from audit.spool import Spool
from audit.story import Happened, Story
from streams.topics import Topic


REQUEST: Any = Request(from_ms=0, to_ms=1, incident=None, source_key=None, labels=(), form="json")
STORY = Story(
    incident_id="a", source_key="s", title='a "line"\u2028break\nand more, ü', severity="", state="told", verdict="",
    began_ms=1_700_000_000_000, labels={}, happened=(Happened(1, "opened", "Opened", "fan-out", Place(Topic.ALERTS, 0, 1)),),
)  # fmt: skip


def stories(count: int) -> list[Story]:
    """In the order in which they began; some of them at the same time."""
    return [
        msgspec.structs.replace(STORY, incident_id=f"i{number:05d}", began_ms=number // 3) for number in range(count)
    ]


@contextlib.contextmanager
def spooled(some: Iterable[Story]) -> Iterator[Spool]:
    with contextlib.closing(Spool()) as spool:
        for story in some:
            spool.add(story)
        yield spool


def test_a_spool_puts_them_into_order() -> None:
    """By when they began, and then by their ids; whatever the order in which they came."""
    expected = stories(1_000)

    with spooled(random.Random(1).sample(expected, len(expected))) as spool:
        assert expected == list(spool.stories())


def test_what_has_no_room_in_memory_waits_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """And comes back from there."""
    monkeypatch.setattr("audit.spool._IN_MEMORY_BYTES", 100)

    with spooled(reversed(stories(50))) as spool:
        assert stories(50) == list(spool.stories())


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_the_list_of_all_of_them(count: int) -> None:
    """To the byte, although each is written as soon as it is told."""
    expected = msgspec.json.format(msgspec.json.encode(stories(count)), indent=2).decode()

    assert expected == "\n".join(FORMS["json"](iter(stories(count)), REQUEST))


def test_a_table_says_when_there_is_nothing() -> None:
    """So that nobody waits for more."""
    assert ["no incident"] == list(FORMS["table"](iter(()), REQUEST))
    assert "no incident" not in list(FORMS["table"](iter(stories(1)), REQUEST))


def test_only_a_page_has_an_end() -> None:
    """Data may be as large as there is; a page must be opened by somebody."""
    with spooled(stories(MOST_ON_A_PAGE)) as most:
        assert not is_too_much(most, "html")

        most.add(STORY)

        assert [True, False] == [is_too_much(most, form) for form in ("html", "json")]
