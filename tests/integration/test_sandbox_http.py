"""The sandbox over real HTTP: both services' own paths, every fault as a client meets it, and the control API."""

import asyncio
import time

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox
from sandbox.slack import TOKEN


KEYS = {"default": "d" * 32, "infra": "i" * 28 + "NFRA"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
MESSAGE = {"channel": "C0OPS", "text": "Disk full"}
TRIGGER = {
    "routing_key": KEYS["infra"],
    "event_action": "trigger",
    "dedup_key": "incident-1",
    "payload": {"summary": "Disk full", "source": "db-1", "severity": "critical"},
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(keys=KEYS) as started:
        yield started


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox.url, timeout=5) as opened:
        yield opened


async def post(client: httpx.AsyncClient, method: str = "chat.postMessage", **changed: Any) -> httpx.Response:
    return await client.post(f"/slack/api/{method}", json=MESSAGE | changed, headers=BEARER)


async def enqueue(client: httpx.AsyncClient, **changed: Any) -> httpx.Response:
    return await client.post("/pagerduty/v2/enqueue", json=TRIGGER | changed)


class TestSlack:
    """The Web API's manners of HTTP; its rules are tested without it."""

    async def test_json_and_forms_are_both_taken(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """Slack takes both, and a token in a form where it takes none in JSON."""
        in_json = await client.post("/slack/api/chat.postMessage", json=MESSAGE, headers=BEARER)
        in_form = await client.post("/slack/api/chat.postMessage", data=MESSAGE, headers=BEARER)
        token_in_form = await client.post("/slack/api/chat.postMessage", data=MESSAGE | {"token": TOKEN})
        token_in_json = await client.post("/slack/api/chat.postMessage", json=MESSAGE | {"token": TOKEN})

        assert [answer.json()["ok"] for answer in (in_json, in_form, token_in_form, token_in_json)] == [
            True,
            True,
            True,
            False,
        ]
        assert [message.text for message in sandbox.slack_messages] == ["Disk full"] * 3

    @pytest.mark.parametrize(
        ("content_type", "body", "error"),
        [
            pytest.param("application/json", b"{", "invalid_json", id="half an object"),
            pytest.param("application/json; charset=utf-8", b"[]", "json_not_object", id="an array"),
            pytest.param("text/plain", b"hello", "invalid_post_type", id="text"),
        ],
    )
    async def test_what_cannot_be_read_is_refused_with_200(
        self, client: httpx.AsyncClient, content_type: str, body: bytes, error: str
    ) -> None:
        """Slack's errors are in the body: a client that looks at the status alone believes that all is well."""
        answer = await client.post(
            "/slack/api/chat.postMessage", content=body, headers=BEARER | {"Content-Type": content_type}
        )

        assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": error})

    async def test_auth_test_needs_no_body(self, client: httpx.AsyncClient) -> None:
        """`auth.test` has no arguments."""
        assert (await client.post("/slack/api/auth.test", headers=BEARER)).json()["ok"]

    async def test_a_message_is_updated_in_place(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """The answer to a post is all that an update needs."""
        posted = (await post(client)).json()

        await post(client, "chat.update", channel=posted["channel"], ts=posted["ts"], text="Acknowledged")

        assert [message.text for message in sandbox.slack_messages] == ["Acknowledged"]


class TestPagerDuty:
    """The Events API's manners of HTTP; its rules are tested without it."""

    async def test_a_trigger_is_answered_202_and_makes_an_incident(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        """The whole way over HTTP, with the key known by its name."""
        answer = await enqueue(client)

        assert (answer.status_code, answer.json()["dedup_key"]) == (202, "incident-1")
        assert [(incident.key_name, incident.status) for incident in sandbox.pagerduty_incidents] == [
            ("infra", "triggered")
        ]

    async def test_a_refusal_is_400_and_in_the_list_of_calls(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """A refused event is no event, but a call that a test can find."""
        answer = await enqueue(client, payload={})

        assert answer.status_code == 400
        assert [(call.status, call.outcome.partition(";")[0]) for call in sandbox.pagerduty.calls] == [
            (400, "'payload.summary' is missing or blank")
        ]


class TestFaults:
    """What a client meets when a service misbehaves."""

    @pytest.mark.parametrize("status", [400, 500, 502, 503])
    async def test_a_status_is_answered_and_nothing_done(
        self, sandbox: Sandbox, client: httpx.AsyncClient, status: int
    ) -> None:
        """A fault takes the place of the service: what failed has not happened."""
        sandbox.slack.fail("status", status=status)
        sandbox.pagerduty.fail("status", status=status)

        answers = [await post(client), await enqueue(client)]

        assert [answer.status_code for answer in answers] == [status, status]
        assert (sandbox.slack_messages, sandbox.pagerduty_events) == ([], [])

    @pytest.mark.parametrize(("retry_after", "header"), [(None, None), (2, "2"), (0.5, "0.5")])
    async def test_too_many_requests_is_told_in_the_services_own_words(
        self, sandbox: Sandbox, client: httpx.AsyncClient, retry_after: float | None, header: str | None
    ) -> None:
        """429 with `Retry-After` or without: Slack sends it, PagerDuty documents none."""
        sandbox.slack.fail("status", status=429, retry_after=retry_after)
        sandbox.pagerduty.fail("status", status=429, retry_after=retry_after)

        slack, pagerduty = await post(client), await enqueue(client)

        assert [answer.headers.get("retry-after") for answer in (slack, pagerduty)] == [header, header]
        assert (slack.json()["error"], pagerduty.json()["status"]) == ("ratelimited", "throttle exceeded")

    async def test_an_error_of_ones_choice_is_answered(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """Every error that the services know can be rehearsed."""
        sandbox.slack.fail("error", error="is_archived")
        sandbox.pagerduty.fail("error", error="Invalid routing key")

        slack, pagerduty = await post(client), await enqueue(client)

        assert (slack.status_code, slack.json()["error"]) == (200, "is_archived")
        assert (pagerduty.status_code, pagerduty.json()["errors"]) == (400, ["Invalid routing key"])

    async def test_a_fault_for_some_calls_is_over_after_them(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """The next two fail, and the third goes through."""
        sandbox.slack.fail("status", times=2)

        assert [(await post(client)).status_code for _ in range(3)] == [500, 500, 200]

    async def test_a_fault_for_one_channel_or_key_hits_no_other(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        """One lane is blocked, the others are not."""
        sandbox.slack.fail("status", on="C0OPS")
        sandbox.pagerduty.fail("status", on="infra")

        blocked = [await post(client), await enqueue(client)]
        others = [await post(client, channel="C0DB"), await enqueue(client, routing_key=KEYS["default"])]

        assert [answer.status_code for answer in blocked + others] == [500, 500, 200, 202]

    async def test_a_fault_for_one_method_hits_no_other(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """Updates fail while posts succeed."""
        sandbox.slack.fail("error", error="edit_window_closed", method="chat.update")

        assert (await post(client)).json()["ok"]
        assert (await post(client, "chat.update", ts="1.0")).json()["error"] == "edit_window_closed"

    async def test_the_newest_fault_acts_first_and_restore_ends_all(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        """A worse trouble on top of a lasting one, then the lasting one again, then none."""
        sandbox.slack.fail("status", status=500)
        sandbox.slack.fail("status", status=503, times=1)

        during = [(await post(client)).status_code for _ in range(2)]
        sandbox.slack.restore()

        assert [*during, (await post(client)).status_code] == [503, 500, 200]

    async def test_a_delay_is_waited_for_and_then_answered(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """Slow is no failure: the message is there afterwards."""
        sandbox.slack.fail("delay", delay_seconds=0.2)
        began = time.monotonic()

        answer = await post(client)

        assert (answer.json()["ok"], len(sandbox.slack_messages)) == (True, 1)
        assert time.monotonic() - began >= 0.2

    async def test_a_hang_lasts_until_the_client_gives_up(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """No answer comes, nothing happens, and the sandbox keeps no such call for ever."""
        sandbox.pagerduty.fail("hang")

        with pytest.raises(httpx.ReadTimeout):
            await client.post("/pagerduty/v2/enqueue", json=TRIGGER, timeout=0.2)

        await sandbox.wait_for(lambda: sandbox.pagerduty.calls[0].outcome == "hung", 5, "the hanging call to end")
        assert sandbox.pagerduty_events == []

    async def test_a_hanging_call_is_cut_off_when_the_service_behaves_again(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        """The outage is over for those who still wait, too: their connection breaks."""
        sandbox.pagerduty.fail("hang")
        waiting = asyncio.create_task(enqueue(client))
        await sandbox.wait_for(lambda: sandbox.pagerduty.calls, 5, "the call")

        sandbox.pagerduty.restore()

        with pytest.raises(httpx.RemoteProtocolError):
            await waiting

    async def test_a_disconnect_leaves_no_answer_and_no_message(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        """The connection breaks before anything was done, and the next one works."""
        sandbox.slack.fail("disconnect", times=1)

        with pytest.raises(httpx.RemoteProtocolError):
            await post(client)

        assert (sandbox.slack_messages, sandbox.slack.calls[0].status) == ([], None)
        assert (await post(client)).json()["ok"]

    async def test_a_lost_answer_leaves_the_deed_done(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """The client cannot know, and sending again makes a second message in Slack but no second page."""
        sandbox.slack.fail("lose_answer", times=1)
        sandbox.pagerduty.fail("lose_answer", times=1)

        for call in (post, enqueue):
            with pytest.raises(httpx.RemoteProtocolError):
                await call(client)
            await call(client)

        assert (len(sandbox.slack_messages), len(sandbox.pagerduty_incidents)) == (2, 1)

    async def test_a_rate_limit_is_for_each_channel(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """A second message to the channel is too early and told by how much; another channel's is not."""
        sandbox.slack.limit(0.1)

        first, second, other = await post(client), await post(client), await post(client, channel="C0DB")

        assert [answer.status_code for answer in (first, second, other)] == [200, 429, 200]
        assert 1 <= int(second.headers["retry-after"]) <= 10


class TestControl:
    """What a process that does not hold the sandbox can see and set."""

    async def test_what_arrived_can_be_asked_over_http(self, client: httpx.AsyncClient) -> None:
        """Messages, events, incidents and calls, with the time of each; no key in any of them."""
        await post(client, text="<https://ack.example/1|ACK>")
        await enqueue(client)

        paths = ("slack/messages", "slack/calls", "pagerduty/events", "pagerduty/incidents", "pagerduty/calls")
        told = {path: (await client.get(f"/control/{path}")).json()[path.partition("/")[2]] for path in paths}

        assert [len(items) for items in told.values()] == [1] * 5
        assert told["slack/messages"][0]["links"] == ["https://ack.example/1"]
        assert told["pagerduty/events"][0]["key_name"] == "infra"
        assert abs(told["pagerduty/events"][0]["received_at_ms"] - time.time() * 1000) < 60_000
        assert KEYS["infra"] not in str(told)

    async def test_faults_and_limits_can_be_set_and_ended_over_http(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        """The same faults as in process, in JSON."""
        await client.post("/control/slack/faults", json={"mode": "status", "status": 502, "on": "C0OPS"})
        await client.put("/control/pagerduty/limit", json={"per_second": 0.01})

        assert [(await post(client)).status_code, (await enqueue(client)).status_code] == [502, 202]
        assert (await enqueue(client)).status_code == 429

        for service in ("slack", "pagerduty"):
            await client.delete(f"/control/{service}/faults")

        assert [(await post(client)).status_code, (await enqueue(client)).status_code] == [200, 202]
        assert (sandbox.slack.faults, sandbox.pagerduty.per_second) == ([], None)

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            pytest.param("POST", "faults", b'{"mode": "explode"}', id="an unknown mode"),
            pytest.param("POST", "faults", b'{"mode": "hang", "colour": "red"}', id="an unknown detail"),
            pytest.param("POST", "faults", b'{"mode": "status", "status": "bad"}', id="a status in words"),
            pytest.param("POST", "faults", b"[]", id="no object"),
            pytest.param("PUT", "limit", b'{"per_second": "few"}', id="a limit in words"),
        ],
    )
    async def test_a_fault_that_makes_no_sense_is_refused(
        self, sandbox: Sandbox, client: httpx.AsyncClient, method: str, path: str, body: bytes
    ) -> None:
        """A test with a misspelt fault must not pass because nothing failed."""
        answer = await client.request(method, f"/control/slack/{path}", content=body)

        assert (answer.status_code, [*answer.json()]) == (400, ["error"])
        assert (sandbox.slack.faults, sandbox.slack.per_second) == ([], None)

    async def test_reset_forgets_everything(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        """Messages, incidents, calls and faults."""
        await post(client)
        await enqueue(client)
        sandbox.slack.fail("hang")

        await client.post("/control/reset")

        assert (sandbox.slack_messages, sandbox.pagerduty_incidents, sandbox.pagerduty_events) == ([], [], [])
        assert (list(sandbox.slack.calls), sandbox.slack.faults) == ([], [])

    async def test_what_the_page_polls_costs_nothing_until_something_happens(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        """204 while nothing is new; the whole view, threads inside of their messages, when something is."""
        root = (await post(client)).json()["ts"]
        await post(client, text="one more", thread_ts=root)
        view = (await client.get("/control/view")).json()

        unchanged = await client.get("/control/view", params={"seen": view["version"]})
        sandbox.slack.fail("hang", on="C0OTHER")
        changed = await client.get("/control/view", params={"seen": view["version"]})

        assert [answer["text"] for answer in view["slack"]["messages"][0]["answers"]] == ["one more"]
        assert (unchanged.status_code, unchanged.content) == (204, b"")
        assert changed.json()["slack"]["faults"][0]["on"] == "C0OTHER"
