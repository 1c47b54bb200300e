"""An incident's story: every step with its record and its cause, and why somebody was paged or nobody."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from audit.html import page_of
from audit.story import Asked, Story, Storybook, labels_of
from audit.words import length
from tests.audit_world import MINUTE, World


def stories(world: World, **asked: Any) -> list[Story]:
    """All that are wanted, of all partitions."""
    books = {number: Storybook(Asked(**asked)) for number in range(world.partitions)}
    for record in world.records:
        books[record.partition].add(record)
    return [story for book in books.values() for story in book.stories()]


def only(world: World) -> Story:
    (story,) = stories(world)
    return story


def paged(world: World) -> None:
    world.fire("disk")
    world.wait(10 * MINUTE)


def acknowledged(world: World) -> None:
    incident = world.fire("disk")
    world.ack(incident)
    world.wait(10 * MINUTE)


def resolved(world: World) -> None:
    world.fire("disk")
    world.resolve("disk")


def told_only(world: World) -> None:
    world.fire("disk", oncall_enable=False)


def pending(world: World) -> None:
    world.fire("disk")


def refused(world: World) -> None:
    world.slack = False
    world.fire("disk")
    world.wait(MINUTE)


def noted(world: World) -> None:
    world.resolve("disk")


def undelivered(world: World) -> None:
    world.pagerduty = False
    paged(world)


@pytest.mark.parametrize(
    ("tell", "state", "verdict"),
    [
        (paged, "paged", "since nobody had acknowledged it; PagerDuty took it at"),
        (acknowledged, "acknowledged", "Nobody was paged: ann acknowledged in time"),
        (resolved, "resolved", "Nobody was paged: it was resolved before its deadline"),
        (told_only, "told", "Nobody was paged: on-call was off"),
        (pending, "pending", "Nobody was paged yet: it is due at 2023-11-14 22:16:20.000Z"),
        (refused, "paged", "since Slack had refused its message"),
        (noted, "told", "Nobody was paged: it was resolved, and nothing was open"),
        (undelivered, "paged", "PagerDuty has not taken it"),
    ],
)
def test_why_somebody_was_paged_or_nobody(tell: Callable[[World], None], state: str, verdict: str) -> None:
    """One sentence answers it."""
    world = World()
    tell(world)

    story = only(world)

    assert state == story.state
    assert verdict in story.verdict


def test_every_step_names_its_record_and_its_cause() -> None:
    """Topic, partition and offset of both; and a page how late it was."""
    world = World()
    paged(world)

    steps = {each.what: each for each in only(world).happened}

    assert ("incident-log 0:0", "alerts 0:0") == (str(steps["opened"].record), str(steps["opened"].cause))
    assert ("delays 0:0", None) == (str(steps["deadline"].record), steps["deadline"].cause)
    assert ("ticks 0:0", 100) == (str(steps["escalated"].cause), steps["escalated"].lateness_ms)
    assert "pagerduty-events 0:0" == str(steps["pagerduty_delivered"].cause)


def test_what_nothing_followed_from_is_told_and_explained() -> None:
    """A second ACK, and alerts that share a deadline: the pure decisions say why."""
    world = World()
    incident = world.fire("disk")
    world.fire("disk", alerts=("b",))
    world.ack(incident)
    world.ack(incident)

    words = {each.what: each.words for each in only(world).happened}

    assert "share the deadline of round 1" in words["shared_deadline"]
    assert "ann acknowledges (link), and changes nothing: ann was first" == words["ack"]


def test_each_round_that_was_paged_is_explained() -> None:
    """The second page has a reason of its own."""
    world = World()
    paged(world)
    world.fire("disk", alerts=("b",))
    world.wait(10 * MINUTE)

    assert 2 == only(world).verdict.count("since nobody had acknowledged it")
    assert "(round 2)" in only(world).verdict


def test_a_story_without_its_beginning_says_so() -> None:
    """Nothing is made up about what was not read."""
    world = World()
    incident = world.fire("disk")
    begin = world.now
    world.ack(incident)
    book = Storybook(Asked())
    for record in world.records:
        if record.timestamp_ms > begin:
            book.add(record)

    (story,) = book.stories()

    assert ("unknown", "(its beginning was not read)") == (story.state, story.title)


def test_incidents_are_chosen_by_id_source_key_and_labels() -> None:
    """All of what is asked must be so."""
    world = World(partitions=2)
    infra = world.fire("disk", labels={"team": "infra", "tier": "1"})
    world.fire("cpu", labels={"team": "web"})
    key = infra.partition("-")[0]

    def chosen(**asked: Any) -> list[str]:
        return [story.incident_id for story in stories(world, **asked)]

    assert [infra] == chosen(incident_id=infra) == chosen(source_key=key) == chosen(labels=(("team", "infra"),))
    assert [] == chosen(labels=(("team", "infra"), ("tier", "2")))
    assert 2 == len(chosen())


def test_labels_are_those_of_alertmanager_or_of_the_body_itself() -> None:
    """What the whole group shares stands above what one of its alerts has."""
    group = {"commonLabels": {"team": "infra"}, "alerts": [{"labels": {"team": "x", "host": "a"}}, None]}

    assert {"host": "a", "team": "infra"} == labels_of(group)
    assert {"service": "api"} == labels_of({"service": "api", "count": 3})


def test_two_replays_are_the_same_bytes() -> None:
    """So that a story can be kept and compared."""
    world = World(partitions=2)
    paged(world)
    acknowledged(world)

    assert msgspec.json.encode(stories(world)) == msgspec.json.encode(stories(world))


def test_packing_what_is_quiet_changes_no_story() -> None:
    """However often an incident was packed, and then heard of again."""
    world = World()
    incident = world.fire("disk")
    world.fire("net")
    world.wait(10 * MINUTE)
    world.ack(incident)
    world.fire("cpu")
    world.fire("disk", ["b"])
    world.wait(10 * MINUTE)

    def told(quiet_ms: int) -> list[Story]:
        book = Storybook(Asked(), quiet_ms)
        for record in world.records:
            book.add(record)
        return list(book.stories())

    assert told(quiet_ms=10**12) == told(quiet_ms=-1) == told(quiet_ms=MINUTE)
    assert ["disk", "net", "cpu"] == [story.title for story in told(quiet_ms=0)]


def test_the_page_is_one_file_that_asks_nothing_of_anybody_and_escapes_all() -> None:
    """No script, no address, and a title that is markup is shown as text."""
    world = World()
    world.fire("<script>alert(1)</script>", labels={"team": "<b>"})
    world.wait(10 * MINUTE)

    page = page_of(stories(world), 0, world.now)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert [] == [word for word in ("<script", "<b>", "http://", "https://", "src=", "url(", "@import") if word in page]
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(7, "7 ms"), (3_200, "3.2 s"), (250_000, "4 min 10 s"), (7_500_000, "2 h 5 min"), (-5, "-5 ms")],
)
def test_lengths_of_time(ms: int, expected: str) -> None:
    """In the unit that a person would take."""
    assert expected == length(ms)
