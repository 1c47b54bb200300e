"""The records of the benches are those of the pipeline, of the size that is promised."""

import msgspec

from bench.alerts import BODY_BYTES, alerts, body, deadline, name, page
from streams.codec import decode, decode_alert
from streams.records import DelayScheduled, PagerDutyTrigger
from streams.records.identity import is_alertmanager, source_key, source_key_of
from streams.topics import Topic


def test_a_body_is_as_large_as_it_is_said_to_be() -> None:
    """Figures for smaller ones would be better ones."""
    sizes = [len(msgspec.json.encode(body(name(number)))) for number in (0, 99_999_999)]

    assert [] == [size for size in sizes if not 0.98 * BODY_BYTES < size < 1.02 * BODY_BYTES]


def test_a_body_is_an_alertmanagers_and_can_be_found_again() -> None:
    """Its group is its own, so that each opens an incident; its name is in what people are shown."""
    one, other = body(name(1)), body(name(2))

    assert is_alertmanager(one)
    assert one["groupKey"] != other["groupKey"]
    assert name(1) in one["commonAnnotations"]["summary"]


def test_alerts_lie_under_their_source_keys() -> None:
    """Else the fan-out would write each again before it deals with it."""
    given = list(alerts(range(3)))

    assert [source_key(decode_alert(each.value)[0]).encode() for each in given] == [each.key for each in given]
    assert 3 == len({each.key for each in given})


def test_the_same_number_is_a_repeat() -> None:
    """Of the same group, and another event."""
    first, second = alerts(iter([7, 7]))

    assert first.key == second.key
    assert decode_alert(first.value)[0].event_id != decode_alert(second.value)[0].event_id


def test_a_deadline_is_one_of_the_fan_outs() -> None:
    """Due when it is said to be, under the key that its incident names, and in turns through all routing keys."""
    given = [deadline(number, 1_000 + number, keys=2) for number in range(4)]

    records = [decode(Topic.DELAYS, each.value) for each in given]
    assert {DelayScheduled} == {type(record) for record in records}
    assert [1_000, 1_001, 1_002, 1_003] == [record.due_ms for record in records]
    assert ["key1", "key2", "key1", "key2"] == [record.routing_key_name for record in records]
    assert [(source_key_of(r.incident_id) or "").encode() for r in records] == [each.key for each in given]


def test_a_page_is_one_of_the_timers() -> None:
    """In one lane where there is one key."""
    records = [decode(Topic.PAGERDUTY_EVENTS, page(number, keys=1).value) for number in range(3)]

    assert {(PagerDutyTrigger, "key1")} == {(type(record), record.routing_key_name) for record in records}
    assert 3 == len({record.dedup_key for record in records})
