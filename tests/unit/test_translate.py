"""Requests become alerts or are refused, and no wish that makes no sense costs an alert."""

import itertools

import pytest

from ingest.translate import MAX_ALERTS, Refused, Request, TooLarge, Translated, translate
from streams.codec import MAX_DEPTH


def translated(body: bytes, *, idempotency_key: str | None = None, **parameters: str) -> Translated:
    numbers = itertools.count(1)
    return translate(
        Request(body=body, parameters=parameters, idempotency_key=idempotency_key),
        key_names={"infra"},
        new_event_id=lambda: f"event-{next(numbers)}",
        now_ms=1_000,
    )


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"", "the body is empty", id="empty"),
        pytest.param(b" \n", "the body is empty", id="blank"),
        pytest.param(b"{", "the body is not JSON: Input data was truncated", id="truncated"),
        pytest.param(b'{"a":NaN}', r"not JSON: JSON is malformed: .*\(byte 5\)", id="NaN"),
        pytest.param(b"alert=1", r"not JSON: .*\(byte 0\)", id="form"),
        pytest.param(b'{"a":"\xff"}', "not JSON: 'utf-8' codec", id="no UTF-8"),
        pytest.param(b"[]", "an empty array", id="empty array"),
        pytest.param(b"[1, 2]", "element 0 of the array is a number", id="numbers"),
        pytest.param(b'[{}, "x"]', "element 1 of the array is text", id="text in an array"),
        pytest.param(b"[{}, [{}]]", "element 1 of the array is an array", id="array in an array"),
        pytest.param(b"[{}, {}, null]", "element 2 of the array is null", id="null in an array"),
        pytest.param(b'"x"', "the body is text; it must be a JSON object", id="text"),
        pytest.param(b"17", "the body is a number", id="number"),
        pytest.param(b"true", "the body is true or false", id="boolean"),
        pytest.param(b"null", "the body is null", id="null"),
        pytest.param(nested(MAX_DEPTH + 1), "the body nests deeper than", id="deep"),
        pytest.param(b"[{}," + nested(MAX_DEPTH + 1) + b"]", "element 1 of the array nests deeper", id="deep in array"),
        pytest.param(b"[" * 100_000, "the body nests deeper than|not JSON", id="very deep"),
    ],
)
def test_what_can_be_no_alert_is_refused(body: bytes, error: str) -> None:
    """The refusal is a 400 and says what is wrong and where."""
    with pytest.raises(Refused, match=error) as refused:
        translated(body)

    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("body", "payloads", "is_array"),
    [
        pytest.param(b"{}", [{}], False, id="empty object"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', [{"a": 1}], False, id="byte order mark"),
        pytest.param(b'[{"a": 1}]', [{"a": 1}], True, id="array of one"),
        pytest.param(b'[{"a": 1}, {}]', [{"a": 1}, {}], True, id="array"),
        pytest.param(
            b'{"a": 123456789012345678901234567890}', [{"a": 123456789012345678901234567890}], False, id="big"
        ),
    ],
)
def test_any_object_is_an_alert(body: bytes, payloads: list[object], is_array: bool) -> None:
    """An object is one alert and an array as many as it has elements, each an event of its own."""
    result = translated(body)

    assert payloads == [alert.payload for alert in result.alerts]
    assert [f"event-{number}" for number in range(1, len(payloads) + 1)] == [each.event_id for each in result.alerts]
    assert {1_000} == {alert.received_ms for alert in result.alerts}
    assert is_array == result.is_array


def test_nesting_up_to_the_limit_is_taken() -> None:
    """Every reader down the pipeline can follow it."""
    assert 1 == len(translated(nested(MAX_DEPTH)).alerts)


def test_an_array_has_a_largest_length() -> None:
    """More than can be acknowledged together is a 413, before anything is sent."""
    with pytest.raises(TooLarge) as refused:
        translated(b"[" + b",".join([b"{}"] * (MAX_ALERTS + 1)) + b"]")

    assert refused.value.status == 413


def test_parameters_become_options() -> None:
    """What the sender wishes is in the alert, typed."""
    (alert,) = translated(
        b"{}",
        oncall_enable="false",
        oncall_wait_minutes="0.05",
        pagerduty_other_routing_key="infra",
        slack_channel_id="C9",
        dedup_key="disk",
    ).alerts

    assert alert.oncall_enable is False
    assert alert.oncall_wait_minutes == 0.05
    assert alert.pagerduty_other_routing_key == "infra"
    assert (alert.slack_channel_id, alert.dedup_key, alert.warnings) == ("C9", "disk", ())


@pytest.mark.parametrize(
    ("parameters", "warning"),
    [
        pytest.param({"oncall_wait_minutes": "soon"}, "oncall_wait_minutes must be a number", id="no number"),
        pytest.param({"oncall_wait_minutes": "-1"}, "oncall_wait_minutes must be a number", id="negative"),
        pytest.param({"oncall_wait_minutes": "nan"}, "oncall_wait_minutes must be a number", id="nan"),
        pytest.param({"oncall_enable": "maybe"}, "oncall_enable must be true or false", id="no boolean"),
        pytest.param({"pagerduty_other_routing_key": "db"}, "names no configured routing key", id="unknown key name"),
        pytest.param({"oncall_wait": "3"}, "'oncall_wait' is no parameter", id="unknown parameter"),
        pytest.param({"dedup_key": "x" * 513}, "dedup_key must be text of at most 512", id="long dedup key"),
    ],
)
def test_a_senseless_parameter_costs_a_warning_and_no_alert(parameters: dict[str, str], warning: str) -> None:
    """The alert is there with the defaults, and says why."""
    (alert,) = translated(b'{"a": 1}', **parameters).alerts

    assert {"a": 1} == alert.payload
    assert [None] * 3 == [alert.oncall_enable, alert.oncall_wait_minutes, alert.pagerduty_other_routing_key]
    assert 1 == len(alert.warnings)
    assert warning in alert.warnings[0]


def test_a_routing_key_in_the_wrong_place_is_not_repeated() -> None:
    """Somebody may put the key where its name belongs; the warning must not spread it."""
    (alert,) = translated(b"{}", pagerduty_other_routing_key="R0BADC0DE").alerts

    assert "R0BADC0DE" not in "".join(alert.warnings)


@pytest.mark.parametrize(
    ("parameter", "header", "dedup_key"),
    [
        pytest.param({}, "from-header", "from-header", id="header alone"),
        pytest.param({"dedup_key": "from-query"}, "from-header", "from-query", id="parameter first"),
        pytest.param({"dedup_key": ""}, "from-header", "from-header", id="empty parameter"),
    ],
)
def test_the_idempotency_key_stands_in_for_a_dedup_key(parameter: dict[str, str], header: str, dedup_key: str) -> None:
    """The header is the same wish in HTTP's own words; the parameter is the more deliberate one."""
    (alert,) = translated(b"{}", idempotency_key=header, **parameter).alerts

    assert dedup_key == alert.dedup_key


def test_one_dedup_key_for_several_alerts_keeps_them_apart() -> None:
    """Each gets its index appended and a warning; an array of one is left alone."""
    several = translated(b"[{}, {}]", dedup_key="disk").alerts
    (single,) = translated(b"[{}]", dedup_key="disk").alerts

    assert ["disk#0", "disk#1"] == [alert.dedup_key for alert in several]
    assert all("got its index appended" in alert.warnings[0] for alert in several)
    assert ("disk", ()) == (single.dedup_key, single.warnings)
