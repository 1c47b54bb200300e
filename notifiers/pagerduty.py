"""PagerDuty's Events API v2: one event, and what its answer means.

The rules are those of https://developer.pagerduty.com/docs/events-api-v2-overview. 202 means that PagerDuty has the
event. Only PagerDuty's own "this event is invalid" is final; everything else is tried again, since a page is at stake
and the dedup key makes a second try harmless.
"""

from dataclasses import dataclass
from typing import Any

import httpx

from pydantic import SecretStr

from notifiers import http
from notifiers.contract import Delivered, Outcome, Reason, Rejected, Retry


@dataclass(frozen=True, slots=True)
class PagerDutyCall:
    """One event, and the key that it goes through. The key joins the body only when it is sent."""

    routing_key: SecretStr
    event: dict[str, Any]


class PagerDutySender:
    """Calls PagerDuty."""

    def __init__(self, client: http.Client, *, events_url: str) -> None:
        self._client = client
        self._url = f"{events_url.rstrip('/')}/v2/enqueue"
        self._headers = http.headers()

    async def send(self, call: PagerDutyCall) -> Outcome:
        """See `Sender`. The receipt holds PagerDuty's `status` and `dedup_key`."""
        key = call.routing_key.get_secret_value()
        answer = await http.post(self._client, self._url, {**call.event, "routing_key": key}, self._headers)
        return answer if isinstance(answer, Retry) else _outcome(answer, key)


_INVALID = {httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE}


def _outcome(answer: http.Answer, key: str) -> Outcome:
    status = answer.status
    if status == httpx.codes.ACCEPTED:
        return Delivered({name: str(answer.body[name]) for name in ("status", "dedup_key") if name in answer.body})
    detail = f"HTTP {status}: {_words(answer.body, key)}".removesuffix(": ")
    if status in _INVALID:
        return Rejected(Reason.REFUSED, detail)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Retry(answer.retry_after, Reason.RATE_LIMITED, detail)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Retry(answer.retry_after, Reason.SERVER_ERROR, detail)
    return Retry(answer.retry_after, Reason.UNCLEAR, f"{detail}; is oncall.pagerduty.events_url right?")


def _words(body: dict[str, Any], key: str) -> str:
    errors = body.get("errors")
    listed = errors if isinstance(errors, list) else []
    said = [body.get("message"), *listed]
    # PagerDuty does not repeat keys; whatever stands in between might.
    return http.shortened("; ".join(str(part) for part in said if part).replace(key, "[routing key]"))
