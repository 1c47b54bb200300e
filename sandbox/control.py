"""The control API and the page: what arrived, and how the services are to misbehave. No token and no key is in it.

`GET /control/slack/{messages,calls}`, `/control/pagerduty/{events,incidents,calls}` tell what arrived;
`GET|POST|DELETE /control/{slack,pagerduty}/faults` shows, adds and ends faults; `PUT …/limit` sets a rate limit;
`POST /control/reset` empties everything; `GET /control/view` is what the page polls.
"""

import json

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import fields
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.behaviour import Behaviour, Call
from sandbox.page import page
from sandbox.pagerduty import Incident
from sandbox.slack import Message
from sandbox.state import State, now_ms


SHOWN = 100
"""How many messages and incidents the page shows, the latest first."""

Endpoint = Callable[[Request], Awaitable[Response]]


def control_routes(state: State) -> list[Route]:
    """Every route that no real service has."""
    lists = {
        "slack/messages": lambda: [_message(message) for message in state.workspace.messages],
        "slack/calls": lambda: [_call(call) for call in state.slack.calls],
        "pagerduty/events": lambda: [_plain(event) for event in state.account.events],
        "pagerduty/incidents": lambda: [_incident(incident) for incident in state.account.incidents],
        "pagerduty/calls": lambda: [_call(call) for call in state.pagerduty.calls],
    }
    services = {"slack": state.slack, "pagerduty": state.pagerduty}
    return [
        Route("/", page, methods=["GET"]),
        Route("/control/view", _view(state), methods=["GET"]),
        Route("/control/reset", _reset(state), methods=["POST"]),
        *[Route(f"/control/{path}", _listed(path, list_), methods=["GET"]) for path, list_ in lists.items()],
        *[
            Route(f"/control/{name}/{what}", endpoint(state, service), methods=methods)
            for name, service in services.items()
            for what, endpoint, methods in (("faults", _faults, ["GET", "POST", "DELETE"]), ("limit", _limit, ["PUT"]))
        ],
    ]


def view(state: State) -> dict[str, Any]:
    """What the page shows: the latest of both services, and what is wrong with them."""
    messages, incidents = state.workspace.messages, state.account.incidents
    latest = [message for message in reversed(messages) if not message.thread_ts][:SHOWN]
    answers: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for message in messages:
        if message.thread_ts:
            answers.setdefault((message.channel, message.thread_ts), []).append(_message(message))
    return {
        "version": state.version,
        "now_ms": now_ms(),
        "slack": {
            "messages": [{**_message(root), "answers": answers.get((root.channel, root.ts), [])} for root in latest],
            "total": len(messages),
            **_condition(state.slack),
        },
        "pagerduty": {
            "incidents": [_incident(incident) for incident in reversed(incidents[-SHOWN:])],
            "total": len(incidents),
            **_condition(state.pagerduty),
        },
    }


def _view(state: State) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if request.query_params.get("seen") == state.version:
            return Response(status_code=204)
        return JSONResponse(view(state))

    return endpoint


def _reset(state: State) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        state.reset()
        return JSONResponse({"status": "reset"})

    return endpoint


def _listed(path: str, items: Callable[[], list[dict[str, Any]]]) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        return JSONResponse({path.rpartition("/")[2]: items()})

    return endpoint


def _faults(state: State, behaviour: Behaviour) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if request.method == "POST":
            try:
                behaviour.fail(**json.loads(await request.body()))
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": f"This is no fault that the sandbox knows: {error}"}, 400)
        if request.method == "DELETE":
            behaviour.restore()
        state.changed()
        return JSONResponse({"faults": [_plain(fault) for fault in behaviour.faults]})

    return endpoint


def _limit(state: State, behaviour: Behaviour) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            per_second = json.loads(await request.body())["per_second"]
            behaviour.limit(None if per_second is None else float(per_second))
        except (TypeError, ValueError, KeyError):
            return JSONResponse({"error": 'Send {"per_second": 1}, or null for no limit.'}, 400)
        state.changed()
        return JSONResponse({"per_second": behaviour.per_second})

    return endpoint


def _condition(behaviour: Behaviour) -> dict[str, Any]:
    troubled = next((call for call in reversed(behaviour.calls) if call.outcome not in ("ok", "in flight")), None)
    return {
        "faults": [_plain(fault) for fault in behaviour.faults],
        "per_second": behaviour.per_second,
        "calls": len(behaviour.calls),
        "latest_trouble": _call(troubled) if troubled else None,
    }


def _call(call: Call) -> dict[str, Any]:
    return _plain(call, without=("url",))


def _message(message: Message) -> dict[str, Any]:
    return {**_plain(message, without=("arguments",)), "links": message.links, "updates": len(message.earlier_texts)}


def _incident(incident: Incident) -> dict[str, Any]:
    return {**_plain(incident), "lateness_ms": incident.lateness_ms}


def _plain(item: Any, without: Iterable[str] = ()) -> dict[str, Any]:
    """A dataclass of ours as JSON's types; `dataclasses.asdict` copies deeply, which a poll every second need not."""
    named = {field.name: getattr(item, field.name) for field in fields(item) if field.name not in without}
    return {name: list(value) if name == "earlier_texts" else value for name, value in named.items()}
