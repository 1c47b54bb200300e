"""What cannot be read is unusable, with a reason; what was written is read as it was."""

import msgspec
import pytest

from streams.codec import MAX_DEPTH, Unusable, decode, decode_alert, encode
from streams.records import AlertEvent, DelayScheduled
from streams.topics import Topic


SCHEDULED = DelayScheduled(event_id="e", incident_id="i", source_key="s", at_ms=1, due_ms=2, payload={"a": [1, "ü"]})


def test_a_record_is_read_as_it_was_written() -> None:
    """Field by field."""
    assert decode(Topic.DELAYS, encode(SCHEDULED)) == SCHEDULED


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="no-value"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="bytes"),
        pytest.param(b"{", id="cut-off"),
        pytest.param(b"[1]", id="list"),
        pytest.param(b'{"type":"schedule"}', id="fields-missing"),
        pytest.param(b'{"type":"unheard-of"}', id="type-unknown"),
        pytest.param(encode(SCHEDULED).replace(b'"due_ms":2', b'"due_ms":"soon"'), id="type-wrong"),
        pytest.param(encode(SCHEDULED).replace(b'"due_ms":2', b'"due_ms":-2'), id="time-before-1970"),
        pytest.param(encode(SCHEDULED).replace(b'"due_ms":2', b'"due_ms":99999999999999'), id="time-in-microseconds"),
        pytest.param(encode(SCHEDULED)[:-1] + b',"v":2}', id="version-of-another-time"),
        pytest.param(b'{"payload":' * 100_000, id="nested-without-end"),
    ],
)
def test_poison_is_unusable_and_nothing_worse(value: bytes | None) -> None:
    """Nothing but `Unusable` may leave the codec: any other exception would stop a worker."""
    with pytest.raises(Unusable):
        decode(Topic.DELAYS, value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="no-value"),
        pytest.param(b"\xff\xfe", id="bytes"),
        pytest.param(b'"text"', id="text"),
        pytest.param(b'{"payload":[1,2]}', id="payload-is-a-list"),
        pytest.param(b'{"alerts":[]}', id="neither-envelope-nor-alertmanager"),
        pytest.param(b'{"payload":{},"v":9}', id="version-of-another-time"),
        pytest.param(b'{"payload":{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}}", id="too-deep"),
    ],
)
def test_what_is_no_alert_is_unusable(value: bytes | None) -> None:
    """It goes to the dead letters with a reason."""
    with pytest.raises(Unusable):
        decode_alert(value)


def test_an_envelope_gives_its_payload_and_its_wishes() -> None:
    """The wishes come back as they were written: whoever decides judges them."""
    alert, wishes = decode_alert(b'{"payload":{"a":1},"oncall_wait_minutes":"soon","source":"cron"}')

    assert alert == AlertEvent(payload={"a": 1}, source="cron")
    assert wishes == {"oncall_wait_minutes": "soon"}


def test_a_bare_alertmanager_body_is_its_own_payload() -> None:
    """Without any envelope around it."""
    body = {"version": "4", "groupKey": "{}", "alerts": [], "status": "firing", "receiver": "r"}

    assert decode_alert(msgspec.json.encode(body)) == (AlertEvent(payload=body), {})


def test_an_envelope_with_a_field_of_the_wrong_type_is_an_alert_all_the_same() -> None:
    """The field is left out, and the warning says so: losing the alert would be worse."""
    alert, _ = decode_alert(b'{"payload":{"a":1},"event_id":5,"received_ms":"now"}')

    assert (alert.payload, alert.event_id, alert.received_ms) == ({"a": 1}, "", 0)
    assert len(alert.warnings) == 2
