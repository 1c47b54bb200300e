"""What every sender owes, whatever its destination: one call, and an outcome for everything that can become of it."""

import asyncio
import contextlib
import io
import logging
import socket

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from pydantic import SecretStr

from notifiers import http
from notifiers.contract import Delivered, Outcome, Reason, Rejected, Retry, Sender
from notifiers.page import event_of
from notifiers.pagerduty import PagerDutyCall, PagerDutySender
from notifiers.render import Renderer
from notifiers.slack import Method, SlackCall, SlackSender
from sandbox.behaviour import Behaviour
from sandbox.server import Sandbox
from streams.records import AckLinks, PagerDutyTrigger, PageReason, SlackPost


TOKEN = "xoxb-very-secret-token"  # It opens the sandbox only.
KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Destination:
    """One sender, with a call that succeeds, and the stand-in behind it."""

    name: str
    make: Callable[[str, Any], Sender[Any]]
    """A sender for a base URL and a client."""
    url: str
    call: Any
    huge_call: Any
    behaviour: Behaviour
    secret: str
    accepted: int

    async def send(self, *, url: str | None = None, call: Any = None, seconds: float = 10) -> Outcome:
        """Send once."""
        async with http.Client(seconds) as client:
            return await self.make(url or self.url, client).send(call or self.call)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand_ins() -> AsyncIterator[Sandbox]:
    """One sandbox for all of these tests: starting and stopping it takes longer than most of them."""
    async with Sandbox(token=TOKEN, keys={"infra": KEY}, only_known_keys=True) as started:
        yield started


@pytest.fixture
def sandbox(stand_ins: Sandbox) -> Sandbox:
    """The sandbox as if it were new."""
    stand_ins.reset()
    return stand_ins


@pytest_asyncio.fixture(loop_scope="module", params=["slack", "pagerduty"])
async def destination(request: pytest.FixtureRequest, sandbox: Sandbox) -> Destination:
    """Each sender in turn."""
    return await slack(sandbox) if request.param == "slack" else pagerduty(sandbox)


async def slack(sandbox: Sandbox) -> Destination:
    def make(url: str, client: Any) -> SlackSender:
        return SlackSender(client, api_url=url, token=SecretStr(TOKEN))

    async def call(words: str) -> SlackCall:
        record = SlackPost(notification_id="n", incident_id="i", source_key="k", at_ms=1, oncall=True,
                           payload={"title": "Disk full", "description": words})  # fmt: skip
        renderer = Renderer(None, AckLinks(public_host="http://ack", valid_for_ms=1), lambda _name, _problem: None)
        message = await renderer.post(record)
        return SlackCall(Method.POST, {"channel": "C1", "text": message.text, "blocks": list(message.blocks)})

    return Destination("slack", make, sandbox.slack_api_url, await call("3 % left"), await call("é <&> " * 100_000),
                       sandbox.slack, TOKEN, accepted=200)  # fmt: skip


def pagerduty(sandbox: Sandbox) -> Destination:
    def make(url: str, client: Any) -> PagerDutySender:
        return PagerDutySender(client, events_url=url)

    def call(words: str) -> PagerDutyCall:
        record = PagerDutyTrigger(incident_id="i", source_key="k", round=1, dedup_key="i", at_ms=2, due_ms=1,
                                  reason=PageReason.NO_WAIT, payload={"title": "Disk full", "log": words})  # fmt: skip
        return PagerDutyCall(SecretStr(KEY), event_of(record, "http://ack"))

    return Destination("pagerduty", make, sandbox.pagerduty_url, call("3 % left"), call("é <&> " * 100_000),
                       sandbox.pagerduty, KEY, accepted=202)  # fmt: skip


async def test_what_is_accepted_is_delivered_with_a_receipt(destination: Destination) -> None:
    """A receipt holds what the destination says for it."""
    outcome = await destination.send()

    assert isinstance(outcome, Delivered)
    assert all(outcome.receipt.values())
    assert 1 == len(destination.behaviour.calls)


async def test_what_is_too_long_is_cut_to_what_the_destination_takes(destination: Destination) -> None:
    """Slack's blocks and PagerDuty's 512 KB: a huge alert is delivered, and never refused for its size."""
    assert isinstance(await destination.send(call=destination.huge_call), Delivered)


STATUSES = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504, 599]


def expected(name: str, status: int) -> Reason | None:
    """Why a bare status is tried again; None where it is refused for good."""
    if status == 429:
        return Reason.RATE_LIMITED
    if status >= 500 or (status, name) == (408, "slack"):
        return Reason.SERVER_ERROR
    if name == "pagerduty":
        return None if status in {400, 413} else Reason.UNCLEAR
    return None


@pytest.mark.parametrize("status", STATUSES)
async def test_every_status_has_an_outcome(destination: Destination, status: int) -> None:
    """429 and 5xx are tried again; of the rest PagerDuty's only final answer is that the event is invalid."""
    destination.behaviour.fail("status", status=status)
    reason = expected(destination.name, status)
    outcome = await destination.send()

    if reason is None:
        assert isinstance(outcome, Rejected)
        assert Reason.REFUSED == outcome.reason
    else:
        assert isinstance(outcome, Retry)
        assert reason == outcome.reason
    assert str(status) in outcome.detail


@contextlib.asynccontextmanager
async def redirecting(status: int, target: str) -> AsyncIterator[str]:
    """The URL of a server that sends every request elsewhere, with its path."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split()[1].decode()
        writer.write(f"HTTP/1.1 {status} Gone\r\nLocation: {target}{path}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(destination: Destination, status: int) -> None:
    """A key must not travel to wherever an answer points, not even where it would be taken."""
    async with redirecting(status, destination.url) as url:
        outcome = await destination.send(url=url)

    assert not isinstance(outcome, Delivered)
    assert f"HTTP {status}" in outcome.detail
    assert [] == list(destination.behaviour.calls)


async def test_calls_go_through_the_proxy_that_the_environment_names(
    destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that only the proxy can find is reached; one that is excepted is called directly."""
    place = urlsplit(destination.url).netloc
    monkeypatch.setenv("http_proxy", f"http://{place}")
    monkeypatch.setenv("no_proxy", "direct.invalid")
    behind, direct = [
        await destination.send(url=destination.url.replace(place, host))
        for host in ("behind.invalid", "direct.invalid")
    ]

    assert isinstance(behind, Delivered)
    assert isinstance(direct, Retry)


async def test_a_success_that_is_not_the_destinations_is_no_success(destination: Destination) -> None:
    """A login page with 200 in between must not pass for a delivered page."""
    destination.behaviour.fail("status", status=200)
    outcome = await destination.send()

    assert isinstance(outcome, Retry)
    assert Reason.UNCLEAR == outcome.reason


async def test_retry_after_is_handed_on(destination: Destination) -> None:
    """The destination knows best when it can be asked again."""
    destination.behaviour.fail("status", status=429, retry_after=7)
    outcome = await destination.send()

    assert isinstance(outcome, Retry)
    assert 7.0 == outcome.after_seconds


@pytest.mark.parametrize(("mode", "reason"), [("hang", Reason.TIMED_OUT), ("disconnect", Reason.UNREACHABLE),
                                              ("lose_answer", Reason.UNREACHABLE)])  # fmt: skip
async def test_no_answer_is_tried_again(destination: Destination, mode: str, reason: Reason) -> None:
    """Nobody knows whether it was done: rather told twice than never."""
    destination.behaviour.fail(mode)
    outcome = await destination.send(seconds=0.3)

    assert isinstance(outcome, Retry)
    assert reason == outcome.reason


async def test_nobody_there_is_tried_again(destination: Destination) -> None:
    """A refused connection is an outage like any other."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    outcome = await destination.send(url=f"http://127.0.0.1:{port}")

    assert isinstance(outcome, Retry)
    assert Reason.UNREACHABLE == outcome.reason


async def test_a_name_that_does_not_resolve_is_tried_again(destination: Destination) -> None:
    """Name services have outages too."""
    outcome = await destination.send(url="http://nowhere.invalid")

    assert isinstance(outcome, Retry)
    assert outcome.reason in {Reason.UNREACHABLE, Reason.TIMED_OUT}


async def test_a_broken_tls_handshake_is_named(destination: Destination) -> None:
    """Whoever reads the log must not look for a network fault."""
    outcome = await destination.send(url=destination.url.replace("http://", "https://"))

    assert isinstance(outcome, Retry)
    assert Reason.TLS_FAILED == outcome.reason


@pytest.mark.parametrize("mode", ["status", "error", "disconnect", "hang"])
async def test_the_secret_is_nowhere_but_in_the_call(destination: Destination, mode: str) -> None:
    """No outcome, no log line and no repr shows the token or the key, even when the answer repeats it."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    destination.behaviour.fail(mode, error=f"bad_{destination.secret}", status=503)
    try:
        outcome = await destination.send(seconds=0.3)
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(logging.WARNING)

    assert not isinstance(outcome, Delivered)
    sender = destination.make(destination.url, None)
    for text in (repr(outcome), heard.getvalue(), repr(sender), str(vars(sender)), repr(destination.call)):
        assert destination.secret not in text


SLACK_ERRORS = {
    Reason.REFUSED: ["channel_not_found", "not_in_channel", "is_archived", "invalid_auth", "token_revoked",
                     "missing_scope", "restricted_action_read_only_channel"],
    Reason.BAD_CONTENT: ["invalid_blocks", "msg_too_long", "msg_blocks_too_long", "no_text", "something_new"],
    Reason.MESSAGE_GONE: ["message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"],
    Reason.RATE_LIMITED: ["ratelimited", "rate_limited", "message_limit_exceeded"],
    Reason.SERVER_ERROR: ["internal_error", "service_unavailable", "request_timeout", "team_added_to_org"],
    Reason.UNCLEAR: ["fatal_error"],
}  # fmt: skip
_RETRIED = {Reason.RATE_LIMITED, Reason.SERVER_ERROR, Reason.UNCLEAR}


@pytest.mark.parametrize(("error", "reason"), [(e, reason) for reason, errors in SLACK_ERRORS.items() for e in errors])
async def test_slacks_errors_are_told_apart(sandbox: Sandbox, error: str, reason: Reason) -> None:
    """Slack says no with 200: for a person to mend, for other words, for later, or nobody knows."""
    sandbox.slack.fail("error", error=error)
    outcome = await (await slack(sandbox)).send()

    assert isinstance(outcome, Retry if reason in _RETRIED else Rejected)
    assert (reason, error) == (outcome.reason, outcome.detail)


async def test_a_wrong_token_is_refused(sandbox: Sandbox) -> None:
    """The stand-in checks the header as Slack does."""
    async with http.Client() as client:
        sender = SlackSender(client, api_url=sandbox.slack_api_url, token=SecretStr("xoxb-other"))
        outcome = await sender.send((await slack(sandbox)).call)

    assert Rejected(Reason.REFUSED, "invalid_auth") == outcome


async def test_a_wrong_routing_key_is_refused(sandbox: Sandbox) -> None:
    """PagerDuty's own words come along."""
    there = pagerduty(sandbox)
    call = PagerDutyCall(SecretStr("f" * 32), there.call.event)

    assert Rejected(Reason.REFUSED, "HTTP 400: Event object is invalid; Invalid routing key") == await there.send(
        call=call
    )
