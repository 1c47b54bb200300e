"""HTTP around the stand-ins: Slack's and PagerDuty's own paths, the control API, and the page that shows both.

Slack answers under `/slack/api`, PagerDuty under `/pagerduty`; `sandbox.control` has the rest.
"""

import json

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import pagerduty
from sandbox.answering import Reply, Service, respond
from sandbox.behaviour import Call
from sandbox.control import control_routes
from sandbox.slack import SlackError
from sandbox.state import State, now_ms


Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(state: State) -> Starlette:
    """The whole application, around a state that others may look at too."""
    return Starlette(
        routes=[
            Route("/slack/api/{method}", _slack(state), methods=["POST"]),
            Route("/pagerduty/v2/enqueue", _pagerduty(state), methods=["POST"]),
            *control_routes(state),
        ]
    )


def _slack(state: State) -> Endpoint:
    service = Service(
        behaviour=state.slack,
        refuse=lambda error: _from_slack({"ok": False, "error": error}),
        too_many=lambda: Reply(429, {"ok": False, "error": "ratelimited"}, "ratelimited"),
    )

    async def endpoint(request: Request) -> Response:
        method = request.path_params["method"]
        arguments, unreadable = _arguments(request.headers.get("content-type", ""), await request.body())
        token = _bearer(request) or arguments.get("token")

        def answer(at_ms: int) -> Reply:
            if unreadable:
                return _from_slack(SlackError(unreadable).answer)
            return _from_slack(state.workspace.call(method, arguments, token, at_ms))

        call = Call(
            method=method,
            subject=str(arguments.get("channel") or ""),
            received_at_ms=now_ms(),
            url=str(request.url),
        )
        return await respond(request, state, service, call, answer)

    return endpoint


def _pagerduty(state: State) -> Endpoint:
    service = Service(
        behaviour=state.pagerduty,
        refuse=lambda error: _from_pagerduty(pagerduty.invalid(error)),
        too_many=lambda: _from_pagerduty(pagerduty.TOO_MANY),
    )

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        event = pagerduty.parsed(body) or {}
        call = Call(
            method=str(event.get("event_action") or ""),
            subject=state.account.key_label(event.get("routing_key")),
            received_at_ms=now_ms(),
            url=str(request.url),
        )
        return await respond(
            request, state, service, call, lambda at_ms: _from_pagerduty(state.account.enqueue(body, at_ms))
        )

    return endpoint


def _arguments(content_type: str, body: bytes) -> tuple[dict[str, Any], str]:
    """A call's arguments, and the name of Slack's error where they cannot be read."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)), ""
    if kind != "application/json":
        return {}, "invalid_post_type" if body else ""
    try:
        arguments = json.loads(body)
    except (ValueError, RecursionError):
        return {}, "invalid_json"
    # In JSON a token counts for nothing: Slack reads it from the header alone.
    return ({**arguments, "token": None}, "") if isinstance(arguments, dict) else ({}, "json_not_object")


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _from_slack(answer: dict[str, Any]) -> Reply:
    return Reply(200, answer, "ok" if answer["ok"] else answer["error"])


def _from_pagerduty(answer: pagerduty.Answer) -> Reply:
    if answer.status == 202:
        return Reply(answer.status, answer.body, "ok")
    return Reply(answer.status, answer.body, "; ".join(answer.body.get("errors", [answer.body["message"]])))
