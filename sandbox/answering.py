"""One call to a stand-in over HTTP: the fault that hits it, the rate limit, the real answer, and a line in the list.

Each service brings what is its own: how it answers, and how it says no. What can go wrong is the same for both.
"""

import asyncio

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.behaviour import Behaviour, Call, Fault, Mode
from sandbox.state import State, now_ms


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is HTTP. `outcome` is what the list of calls says about it."""

    status: int
    body: dict[str, Any] | str
    outcome: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is one service's own."""

    behaviour: Behaviour
    refuse: Callable[[str], Reply]
    """Its refusal, for an error that a fault names."""
    too_many: Callable[[], Reply]


class CutOff(Response):
    """No answer: the connection is closed instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's.
        """Close the connection, and be done when the server has seen it closed."""
        scope["state"]["transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


async def respond(
    request: Request, state: State, service: Service, call: Call, answer: Callable[[int], Reply]
) -> Response:
    """Answer a call, or do to it what a fault says. `answer` is given the time at which it takes effect."""
    service.behaviour.calls.append(call)
    state.changed()
    reply = await _reply(request, service, call, answer)
    call.outcome, call.status = reply.outcome, reply.status or None
    state.changed()
    if not reply.status:
        return CutOff()
    kind = JSONResponse if isinstance(reply.body, dict) else PlainTextResponse
    return kind(reply.body, reply.status, dict(reply.headers))


async def _reply(request: Request, service: Service, call: Call, answer: Callable[[int], Reply]) -> Reply:
    fault = service.behaviour.next_fault(call.method, call.subject)
    if fault and (reply := await _spoilt(request, service, fault)):
        return reply
    if seconds := service.behaviour.wait_for_rate(call.subject, now_ms()):
        return _with_retry_after(service.too_many(), seconds)
    reply = answer(now_ms())
    if fault and fault.mode is Mode.LOSE_ANSWER:
        return _unanswered(f"{reply.outcome}, answer lost")
    return reply


async def _spoilt(request: Request, service: Service, fault: Fault) -> Reply | None:
    """What a fault answers in place of the service; None where the service is to do its work."""
    if fault.delay_seconds:
        await asyncio.sleep(fault.delay_seconds)
    match fault.mode:
        case Mode.HANG:
            await _hang(request, service.behaviour)
            return _unanswered("hung")
        case Mode.DISCONNECT:
            return _unanswered("disconnected")
        case Mode.ERROR:
            return service.refuse(fault.error)
        case Mode.STATUS:
            plain = service.too_many() if fault.status == 429 else _status(fault.status)
            return _with_retry_after(plain, fault.retry_after)
        case Mode.DELAY | Mode.LOSE_ANSWER:
            return None


async def _hang(request: Request, behaviour: Behaviour) -> None:
    """Wait until the caller has gone or the service behaves again."""
    restored = behaviour.restored
    while behaviour.restored == restored and not await request.is_disconnected():  # noqa: ASYNC110  # Two ends.
        await asyncio.sleep(0.02)


def _status(status: int) -> Reply:
    # No JSON: what a gateway before the real service says is none either.
    return Reply(status, f"{status} from the sandbox, as it was told\n", f"status {status}")


def _unanswered(outcome: str) -> Reply:
    return Reply(0, "", outcome)


def _with_retry_after(reply: Reply, seconds: float | None) -> Reply:
    headers = {} if seconds is None else {"Retry-After": f"{seconds:g}"}
    return Reply(reply.status, reply.body, reply.outcome, headers)
