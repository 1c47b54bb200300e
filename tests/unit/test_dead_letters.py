"""Which letters may be written back, and what people are shown of them: all that matters, no secret, and no harm."""

import json

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from ackline.dead_letters import Listing, Place, Summary, obstacle, place_of
from ackline.dead_letters_command import CONSEQUENCES
from ackline.dead_letters_text import SHOWN_CHARACTERS, Teller, printable
from config.settings import KafkaSettings
from streams.codec import encode
from streams.records import Tick
from streams.records.dead_letter import Headers, Origin, letter_of
from streams.topics import MAX_RECORD_BYTES, Topic


SECRET = "xoxb-configured-secret"
KAFKA = KafkaSettings(topic_prefix="t.", partitions=2)
ALERT = b'{"payload": {"title": "Disk full"}}'


@dataclass(frozen=True)
class Record:
    """A record as a Kafka client gives it."""

    value: bytes | None = ALERT
    key: bytes | None = b"key"
    headers: Headers = field(default_factory=list)
    topic: str = "t.alerts"
    partition: int = 1
    offset: int = 41
    timestamp: int = 1_700_000_000_000


def a_letter(reason: str = "why", **of: Any) -> Record:
    """The letter of a record, as it lies in `dead-letters`."""
    letter = letter_of(Record(**of), reason)
    return Record(letter.value, letter.key, letter.headers, "t.dead-letters", 0, 7)


def shown(record: Record) -> str:
    return "\n".join(Teller([SECRET]).shown(record))


@given(st.integers(0, 10**18 - 1), st.integers(0, 10**18 - 1))
def test_a_place_is_read_as_it_is_shown(partition: int, offset: int) -> None:
    """So that it can be copied from a list."""
    assert Place(partition, offset) == place_of(str(Place(partition, offset)))


@pytest.mark.parametrize("text", ["", "3", "3:", ":3", "3:-1", "3:1:1", "3: 1", "a:1", "²:1", "1:" + "9" * 5_000])
def test_what_names_no_place_is_told_from_one(text: str) -> None:
    """Whatever somebody types."""
    assert place_of(text) is None


def test_a_letter_that_can_be_used_now_has_no_obstacle() -> None:
    """Whoever wrote the record."""
    assert obstacle(a_letter(), KAFKA) is None


@pytest.mark.parametrize(
    ("of", "why"),
    [
        pytest.param({"topic": "other.alerts"}, "which topic of this deployment", id="of-another-deployment"),
        pytest.param({"topic": "t.dead-letters"}, "which topic of this deployment", id="a-letter-of-a-letter"),
        pytest.param({"partition": 2}, "which partition", id="no-such-partition"),
        pytest.param({"value": b"v" * MAX_RECORD_BYTES}, "the whole record is in t.alerts 1:41", id="cut"),
        pytest.param({"topic": "t.ticks", "value": encode(Tick(now_ms=1))}, "is a tick", id="a-tick"),
        pytest.param({"value": b"{"}, "still unusable", id="no-json"),
        pytest.param({"value": None}, "still unusable", id="no-value"),
        pytest.param({"topic": "t.acks"}, "still unusable", id="a-record-of-another-topic"),
    ],
)
def test_a_letter_that_would_only_come_back_stays_where_it_is(of: Mapping[str, Any], why: str) -> None:
    """And somebody is told why."""
    assert why in str(obstacle(a_letter(**of), KAFKA))


def test_a_record_that_says_nothing_of_itself_is_no_letter_to_write_back() -> None:
    """Anybody may write to the topic."""
    assert "which topic" in str(obstacle(Record(headers=[]), KAFKA))


def test_what_comes_of_each_topic_is_said_before_it_is_done() -> None:
    """Of every topic that a letter can go back to."""
    assert set(Topic) - {Topic.DEAD_LETTERS, Topic.TICKS} == set(CONSEQUENCES)


@given(st.text())
def test_nothing_that_is_shown_is_a_command_for_a_terminal(text: str) -> None:
    """No escape sequence, no line break, nothing that turns the direction of what follows."""
    assert printable(text).isprintable()


@given(st.binary(max_size=300), st.binary(max_size=50) | st.none())
def test_any_bytes_can_be_shown(value: bytes, key: bytes | None) -> None:
    """Each line is a line."""
    lines = shown(a_letter(value=value, key=key)).split("\n")

    assert [] == [line for line in lines if not line.isprintable()]


def test_all_that_matters_of_a_letter_is_shown() -> None:
    """Why, from where, and what it holds, in a form to read."""
    told = shown(a_letter("has no `payload`", value=b'{"a": {"b": "\xc3\xa4\\u001b"}}', key=b"\xff"))

    assert "place      0:7\nwhen       2023-11-14 22:13:20 UTC\nfrom       t.alerts 1:41\n" in told
    assert "reason     has no `payload`\ntries      1\nkey        \\xff\n" in told
    assert '\n  "a": {\n    "b": "ä\\u001b"\n  }\n' in told


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(json.dumps({"text": f"it is {SECRET}!"}).encode(), id="in-json"),
        pytest.param(json.dumps({SECRET: 1}).encode(), id="a-name-in-json"),
        pytest.param(f"{{no json {SECRET}".encode(), id="in-anything-else"),
        pytest.param(b'{"password": "xoxb-configured-secret"}', id="by-its-name"),
    ],
)
def test_no_secret_is_shown(value: bytes) -> None:
    """Of the deployment's own, wherever in a letter it is."""
    headers: Headers = [("topic", SECRET.encode()), ("reason", f"quotes {SECRET}".encode()), (SECRET, b"")]
    record = Record(value, SECRET.encode(), headers)
    found = Listing([Summary(0, Place(0, 1), Origin(topic=SECRET, reason=SECRET, retried_from=SECRET), 1)], count=1)
    teller = Teller([SECRET])

    assert "configured-secret" not in "\n".join([*teller.shown(record), *teller.table(found), teller.as_json(found)])


def test_what_looks_like_a_secret_of_somebody_else_is_not_shown() -> None:
    """By the rules of `alert.debug_body`."""
    assert "hunter2" not in shown(a_letter(value=b'{"password": "hunter2"}'))


def test_a_large_value_is_shown_in_part() -> None:
    """With how much more there is."""
    told = shown(a_letter(value=b"v" * (SHOWN_CHARACTERS + 1_234)))

    assert told.endswith("… and 1,234 more characters")
    assert len(told) < SHOWN_CHARACTERS + 1_000


def test_a_list_has_a_line_for_each_letter_and_says_which_were_written_back() -> None:
    """For people in columns, for scripts as JSON; a time that nobody can mean does no harm."""
    letters = [
        Summary(10**18, Place(0, 10), Origin(reason="r\n1", topic="t.acks", partition=0, offset=3, tries=2), 5),
        Summary(0, Place(1, 2), Origin(reason="r2"), 1_000_000),
    ]
    found = Listing(letters, {Place(1, 2)}, count=2)

    assert [
        "PLACE  WHEN (UTC)           FROM        SIZE       TRIES  REASON",
        "0:10   9999-12-31 23:59:59  t.acks 0:3  5          2      r\\n1",
        "1:2    1970-01-01 00:00:00  (not said)  1,000,000  1      written back; was: r2",
    ] == list(Teller([]).table(found))
    assert [("0:10", False, 2), ("1:2", True, 1)] == [
        (each["place"], each["written_back"], each["tries"]) for each in json.loads(Teller([]).as_json(found))
    ]
