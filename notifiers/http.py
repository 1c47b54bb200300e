"""One POST over HTTP, bounded in time and size: an answer, or the reason why there is none.

Redirects are never followed: a body with a routing key in it goes to the configured host, or nowhere.
"""

import ssl

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import msgspec

from httpx import create_ssl_context

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


def client(seconds: float = TOTAL_SECONDS) -> aiohttp.ClientSession:
    """A client for one destination. Each has its own, so that one that hangs cannot use up the other's connections.

    To be made where a loop runs.
    """
    # aiohttp's own trust would be the system's, which not every machine has; httpx's brings its own, or what
    # SSL_CERT_FILE says.
    connector = aiohttp.TCPConnector(limit=256, keepalive_timeout=15, ssl=create_ssl_context())
    timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=seconds / 2)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())


async def post(
    client: aiohttp.ClientSession, url: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> Answer | Retry:
    """POST this as JSON. Whatever keeps an answer from coming is worth another try."""
    content = msgspec.json.encode(body)
    sent = {**headers, "Content-Type": "application/json; charset=utf-8", "User-Agent": "Ackline"}
    try:
        async with client.post(
            url, data=content, headers=sent, allow_redirects=False, proxy=_proxy_of(url)
        ) as response:
            return Answer(response.status, _retry_after(response), _json_object(await _bounded(response)))
    except Exception as problem:  # noqa: BLE001  # The library and the system raise here, and all of it is "no answer".
        return _no_answer(problem)


def shortened(text: str) -> str:
    """Words of the other side, as long as a log line takes."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_DETAIL else f"{line[: MAX_DETAIL - 1]}…"


@lru_cache(maxsize=16)
def _proxy_of(url: str) -> str | None:
    """What the environment says, once for each URL: aiohttp would ask again for each call, in a thread."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    async for chunk in response.content.iter_any():
        read += chunk
        if len(read) > MAX_ANSWER_BYTES:
            break
    return bytes(read)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    # Both destinations give seconds; the header's other form, a date, would depend on two clocks.
    text = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, MAX_BELIEVED_SECONDS) if seconds >= 0 else None


def _no_answer(problem: Exception) -> Retry:
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
