"""Slack's Web API: one call, and what its answer means (https://docs.slack.dev/reference/methods/chat.postMessage).

Slack answers almost everything with 200 and says in the body whether it did it. An answer that leaves that open is
tried again: a message told twice is better than one never told.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from pydantic import SecretStr

from notifiers import http
from notifiers.contract import Delivered, Outcome, Reason, Rejected, Retry


class Method(StrEnum):
    """The calls that are made."""

    POST = "chat.postMessage"
    UPDATE = "chat.update"


@dataclass(frozen=True, slots=True)
class SlackCall:
    """One call of the Web API."""

    method: Method
    arguments: dict[str, Any]


_FOR_A_PERSON = {
    "access_denied",
    "account_inactive",
    "channel_not_found",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_auth",
    "is_archived",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "not_authed",
    "not_in_channel",
    "org_login_required",
    "team_access_not_granted",
    "token_expired",
    "token_revoked",
    "unknown_method",
}
_FOR_OTHER_WORDS = {
    "block_mismatch",
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
}
_GONE = {"cant_update_message", "edit_window_closed", "is_inactive", "message_not_found", "thread_not_found"}
_RATE = {"message_limit_exceeded", "rate_limited", "ratelimited"}
_PASSING = {"internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
# `fatal_error` may have posted: "some aspect of the operation succeeded" is possible.
_UNCLEAR = {"fatal_error"}

_RETRIED = {
    **dict.fromkeys(_RATE, Reason.RATE_LIMITED),
    **dict.fromkeys(_PASSING, Reason.SERVER_ERROR),
    **dict.fromkeys(_UNCLEAR, Reason.UNCLEAR),
}
_REFUSED = {
    **dict.fromkeys(_FOR_A_PERSON, Reason.REFUSED),
    **dict.fromkeys(_FOR_OTHER_WORDS, Reason.BAD_CONTENT),
    **dict.fromkeys(_GONE, Reason.MESSAGE_GONE),
}


class SlackSender:
    """Calls Slack. The token is in the `Authorization` header and nowhere else."""

    def __init__(self, client: http.Client, *, api_url: str, token: SecretStr) -> None:
        self._client = client
        self._api_url = api_url.rstrip("/")
        self._token = token
        self._headers = http.headers(Authorization=f"Bearer {token.get_secret_value()}")

    async def send(self, call: SlackCall) -> Outcome:
        """See `Sender`. The receipt holds the `channel` and the `ts` by which the message can be found again."""
        answer = await http.post(self._client, f"{self._api_url}/{call.method}", call.arguments, self._headers)
        return answer if isinstance(answer, Retry) else _outcome(answer, self._token.get_secret_value())


def _outcome(answer: http.Answer, token: str) -> Outcome:
    status, error = answer.status, answer.body.get("error")
    if status == httpx.codes.OK and answer.body.get("ok") is True:
        return Delivered({"channel": str(answer.body.get("channel", "")), "ts": str(answer.body.get("ts", ""))})
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Retry(answer.retry_after, Reason.RATE_LIMITED, "HTTP 429")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        return Retry(answer.retry_after, Reason.SERVER_ERROR, f"HTTP {status}")
    if isinstance(error, str):
        return _refusal(answer, error, token)
    if status == httpx.codes.OK:
        return Retry(answer.retry_after, Reason.UNCLEAR, "HTTP 200 without Slack's JSON; is alert.slack.api_url right?")
    return Rejected(Reason.REFUSED, f"HTTP {status} is no answer of Slack's; check alert.slack.api_url")


def _refusal(answer: http.Answer, error: str, token: str) -> Retry | Rejected:
    said = answer.body.get("response_metadata")
    messages = said.get("messages") if isinstance(said, dict) else None
    words = [error, *(str(message) for message in messages or [])] if isinstance(messages, list) else [error]
    detail = http.shortened("; ".join(words).replace(token, "[token]"))
    if error in _RETRIED:
        return Retry(answer.retry_after, _RETRIED[error], detail)
    # An error of another time is most likely for good too, and then the page should not wait; but it may be about
    # the content, so the plain words get their chance.
    return Rejected(_REFUSED.get(error, _by_family(error)), detail)


def _by_family(error: str) -> Reason:
    return Reason.REFUSED if error.startswith("restricted_action") else Reason.BAD_CONTENT
