"""From a request to alerts: pure. Whatever can be an alert becomes one; the rest is refused with what and where.

A parameter that makes no sense never costs the alert: the default takes its place and a warning says so.
"""

import codecs

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from config.settings import MAX_WAIT_MINUTES
from streams.codec import MAX_DEPTH, is_nested_too_deep, may_be_nested_too_deep
from streams.records import AlertEvent, AlertOptions, Millis, read_options


MAX_ALERTS = 1_000
"""Most objects in one array: they are acknowledged all or none, so one request must not hold up the others."""


class Refused(Exception):  # noqa: N818  # It says what happened to the request.
    """The body cannot be an alert. The message says what is wrong with it, and where."""

    status = 400
    reason = "bad_body"


class TooLarge(Refused):
    """The body is larger than one Kafka record may be."""

    status = 413
    reason = "too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What of an HTTP request matters."""

    body: bytes
    parameters: Mapping[str, str]
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Translated:
    """The alerts of a request."""

    alerts: list[AlertEvent]
    is_array: bool
    """Whether the sender wrote an array, and so expects one back."""


_DECODE = msgspec.json.Decoder().decode
_NOTHING_WISHED = AlertOptions()


def translate(
    request: Request, *, key_names: Collection[str], new_event_id: Callable[[], str], now_ms: Millis
) -> Translated:
    """The alerts that a request brings.

    Raises:
        Refused: there is none, or one element of an array is none.
    """
    body = _parsed(request.body)
    payloads = _payloads(body)
    _see_that_it_is_flat(request.body, payloads)
    wishes = _wishes(request)
    options = (
        read_options(wishes, key_names=key_names, max_wait_minutes=MAX_WAIT_MINUTES) if wishes else _NOTHING_WISHED
    )
    each = [_numbered(options, index, len(payloads)) for index in range(len(payloads))]
    alerts = [_alert(payload, own, new_event_id(), now_ms) for payload, own in zip(payloads, each, strict=True)]
    return Translated(alerts, isinstance(body, list))


def _parsed(body: bytes) -> Any:
    if not body.strip():
        raise Refused("the body is empty; send a JSON object, or an array of them")
    try:
        return _DECODE(body.removeprefix(codecs.BOM_UTF8))
    except RecursionError:
        raise _too_deep() from None
    # ValidationError is a DecodeError; bytes that are no UTF-8 end in UnicodeDecodeError, a ValueError.
    except (msgspec.DecodeError, ValueError) as problem:
        raise Refused(f"the body is not JSON: {problem}") from None


def _too_deep(where: str = "the body") -> Refused:
    return Refused(f"{where} nests deeper than {MAX_DEPTH} levels; flatten it")


def _see_that_it_is_flat(body: bytes, payloads: list[dict[str, Any]]) -> None:
    if not may_be_nested_too_deep(body):
        return
    for index, payload in enumerate(payloads):
        if is_nested_too_deep(payload):
            raise _too_deep(f"element {index} of the array" if len(payloads) > 1 else "the body")


def _payloads(body: Any) -> list[dict[str, Any]]:
    if isinstance(body, dict):
        return [body]
    if not isinstance(body, list):
        raise Refused(f"the body is {_kind(body)}; it must be a JSON object, or an array of objects")
    if not body:
        raise Refused("the body is an empty array; it must hold at least one JSON object")
    if len(body) > MAX_ALERTS:
        raise TooLarge(f"the array has {len(body)} elements; send at most {MAX_ALERTS} in one request")
    for index, element in enumerate(body):
        if not isinstance(element, dict):
            raise Refused(f"element {index} of the array is {_kind(element)}; each must be a JSON object")
    return body


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", str: "text", list: "an array"}
    return kinds.get(type(value), "a number")


def _wishes(request: Request) -> Mapping[str, str]:
    if request.idempotency_key is None or request.parameters.get("dedup_key"):
        return request.parameters
    return {**request.parameters, "dedup_key": request.idempotency_key}


def _numbered(options: AlertOptions, index: int, count: int) -> AlertOptions:
    if options.dedup_key is None or count == 1:
        return options
    # One key for all of them would make one problem of many, and the alerts of all but one would be no news.
    warning = f"dedup_key is given for {count} alerts; each got its index appended, to stay a problem of its own"
    return msgspec.structs.replace(
        options, dedup_key=f"{options.dedup_key}#{index}", warnings=(*options.warnings, warning)
    )


def _alert(payload: dict[str, Any], options: AlertOptions, event_id: str, now_ms: Millis) -> AlertEvent:
    return AlertEvent(
        payload=payload,
        event_id=event_id,
        received_ms=now_ms,
        oncall_enable=options.oncall_enable,
        oncall_wait_minutes=options.oncall_wait_minutes,
        pagerduty_other_routing_key=options.pagerduty_other_routing_key,
        slack_channel_id=options.slack_channel_id,
        dedup_key=options.dedup_key,
        warnings=options.warnings,
    )
