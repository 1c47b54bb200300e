"""What the headers of dead letters say, and that nothing that is in them can do harm."""

from dataclasses import dataclass

import pytest

from streams.codec import Unusable, decode
from streams.records.dead_letter import (
    LARGEST_KEY,
    LARGEST_VALUE,
    LONGEST_REASON,
    Headers,
    Origin,
    letter_of,
    noted_offset,
    origin_of,
    retried_note,
    retry_headers,
)
from streams.topics import MAX_RECORD_BYTES, Topic


@dataclass(frozen=True)
class Message:
    """A record as a Kafka client gives it."""

    key: bytes | None = b"key"
    value: bytes | None = b"{not json"
    headers: tuple[tuple[str, bytes], ...] = ()
    topic: str = "ackline.alerts"
    partition: int = 3
    offset: int = 41


def test_a_letter_is_the_record_and_says_why_it_is_here_and_where_it_lay() -> None:
    """And these four headers are all that it has the first time."""
    letter = letter_of(Message(), "no JSON")

    assert (b"key", b"{not json") == (letter.key, letter.value)
    assert ["reason", "topic", "partition", "offset"] == [name for name, _ in letter.headers]
    assert Origin(reason="no JSON", topic="ackline.alerts", partition=3, offset=41) == origin_of(letter.headers)


def test_a_record_that_was_written_back_says_how_often_when_it_fails_again() -> None:
    """And which letter it came from, each time anew."""
    first = origin_of(letter_of(Message(), "why").headers)
    second = origin_of(letter_of(Message(headers=tuple(retry_headers("3:0", first))), "why").headers)
    third = origin_of(letter_of(Message(headers=tuple(retry_headers("3:7", second))), "why").headers)

    assert [(1, ""), (2, "3:0"), (3, "3:7")] == [(each.tries, each.retried_from) for each in (first, second, third)]


def test_headers_of_the_record_itself_do_not_travel_on() -> None:
    """A sender's own `reason` would hide ours, and what else it says is nobody's business here."""
    letter = letter_of(Message(headers=(("reason", b"mine"), ("authorization", b"x"), ("cut", b"true"))), "ours")

    assert Origin(reason="ours", topic="ackline.alerts", partition=3, offset=41) == origin_of(letter.headers)
    assert 4 == len(letter.headers)


def test_a_letter_fits_its_topic_however_large_its_record_and_its_reason_are() -> None:
    """What was cut off is told."""
    letter = letter_of(Message(key=b"k" * 60_000, value=b"v" * MAX_RECORD_BYTES), "r" * 1_000_000)
    size = len(letter.key or b"") + len(letter.value) + sum(len(name) + len(value) for name, value in letter.headers)

    assert size < MAX_RECORD_BYTES - 1024
    assert (LARGEST_KEY, LARGEST_VALUE) == (len(letter.key or b""), len(letter.value))
    assert origin_of(letter.headers).is_cut
    assert LONGEST_REASON == len(origin_of(letter.headers).reason)


def test_a_record_without_key_and_value_can_be_kept() -> None:
    """Kafka's client sends none that has neither."""
    letter = letter_of(Message(key=None, value=None), "has no value")

    assert (None, b"") == (letter.key, letter.value)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(None, id="none"),
        pytest.param([], id="empty"),
        pytest.param([("reason", None)], id="no-value"),
        pytest.param([("partition", b"-1"), ("offset", b"9" * 5_000), ("tries", "²".encode())], id="no-numbers"),
        pytest.param([("partition", b"0x1"), ("offset", b""), ("tries", b"0")], id="nearly-numbers"),
    ],
)
def test_headers_that_somebody_else_wrote_say_nothing(headers: Headers | None) -> None:
    """And raise nothing: anybody may write to the topic."""
    assert Origin() == origin_of(headers)
    assert noted_offset(headers) is None


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    """A reason is for reading, whatever somebody put there."""
    assert "\ufffd\ufffd" == origin_of([("reason", b"\xff\xfe")]).reason


def test_a_note_names_its_letter_and_a_letter_is_no_note() -> None:
    """So that a letter is written back once."""
    assert 41 == noted_offset(retried_note(41))
    assert noted_offset(letter_of(Message(), "why").headers) is None


def test_a_reason_quotes_no_more_than_a_little() -> None:
    """A decoder repeats what it does not know, which may be somebody's whole record."""
    with pytest.raises(Unusable) as caught:
        decode(Topic.SLACK_NOTIFICATIONS, b'{"type": "%s"}' % (b"x" * 1_000_000))

    assert LONGEST_REASON == len(str(caught.value))
