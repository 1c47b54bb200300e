"""One POST over HTTP, bounded in time and size: an answer, or the reason why there is none.

Redirects are never followed: a body with a routing key in it goes to the configured host, or nowhere.
"""

import asyncio
import ssl

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import httpx
import msgspec

from httpx_aiohttp import HttpxAiohttpClient

from notifiers.contract import Reason, Retry


TOTAL_SECONDS: Final = 10.0
"""From the first byte sent to the last byte read. Longer than any healthy answer of Slack or PagerDuty takes."""

MAX_ANSWER_BYTES: Final = 256 * 1024
MAX_DETAIL: Final = 300
MAX_BELIEVED_SECONDS: Final = 3600.0
"""A `Retry-After` beyond an hour is taken for one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, as far as it is JSON."""

    status: int
    retry_after: float | None
    body: dict[str, Any]
    """Empty where it was no JSON object."""


class Client(HttpxAiohttpClient):
    """A client for one destination. Each has its own, so that one that hangs cannot use up the other's connections."""

    # httpx's own pool searches all of its connections for each request, and gets slower with each; aiohttp's does not.

    def __init__(self, seconds: float = TOTAL_SECONDS) -> None:
        """A call takes no longer than this."""
        self.seconds = seconds
        # `post` bounds the whole; a bound for each part beside it would be a timer more for each call.
        self._extensions = {"timeout": httpx.Timeout(None, connect=seconds / 2).as_dict()}
        super().__init__(limits=httpx.Limits(max_connections=256, max_keepalive_connections=256, keepalive_expiry=15))

    async def answer(self, url: str, content: bytes, headers: httpx.Headers) -> httpx.Response:
        """The answer to a POST, its body yet to be read."""
        request = httpx.Request("POST", _parsed(url), headers=headers, content=content, extensions=self._extensions)
        # Right to the transport, a proxy's where the environment names one. What a session does around it (cookies,
        # credentials, redirects, hooks, a line in the log) is not wanted here, and takes longer than the call itself.
        return await self._transport_for_url(request.url).handle_async_request(request)


def headers(**own: str) -> httpx.Headers:
    """The headers of a call. To be made once: it takes longer than sending them."""
    return httpx.Headers({**own, "Content-Type": "application/json; charset=utf-8", "User-Agent": "Ackline"})


async def post(client: Client, url: str, body: Mapping[str, Any], headers: httpx.Headers) -> Answer | Retry:
    """POST this as JSON. Whatever keeps an answer from coming is worth another try."""
    content = msgspec.json.encode(body)
    try:
        async with asyncio.timeout(client.seconds):
            response = await client.answer(url, content, headers)
            try:
                return Answer(response.status_code, _retry_after(response), _json_object(await _bounded(response)))
            finally:
                await response.aclose()
    except Exception as problem:  # noqa: BLE001  # Two libraries and the system raise here, and all of it is "no answer".
        return _no_answer(problem)


def shortened(text: str) -> str:
    """Words of the other side, as long as a log line takes."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_DETAIL else f"{line[: MAX_DETAIL - 1]}…"


@lru_cache(maxsize=16)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


async def _bounded(response: httpx.Response) -> bytes:
    read = bytearray()
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) > MAX_ANSWER_BYTES:
            break
    return bytes(read)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}


def _retry_after(response: httpx.Response) -> float | None:
    # Both destinations give seconds; the header's other form, a date, would depend on two clocks.
    text = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, MAX_BELIEVED_SECONDS) if seconds >= 0 else None


def _no_answer(problem: Exception) -> Retry:
    # The transport's mapping calls every failed connection a timeout, so the cause decides.
    causes = list(_causes(problem))
    detail = shortened(f"{type(problem).__name__}: {problem}".removesuffix(": "))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Retry(None, Reason.TLS_FAILED, detail)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return Retry(None, Reason.TIMED_OUT, detail)
    return Retry(None, Reason.UNREACHABLE, detail)


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__
