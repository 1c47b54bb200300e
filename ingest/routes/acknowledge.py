"""The ACK link: `GET`, `HEAD` and `POST /api/incidents/ack/<incident id>`.

HEAD, link previews and prefetches never acknowledge. A link that is not genuine is refused, whatever the method.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import msgspec

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from ingest import pages
from ingest.acknowledge import Acknowledged, was_saved, who
from ingest.edge import Edge, RawRoute, answer, now_ms
from ingest.pages import Words
from ingest.routes import documentation
from ingest.routes.alerts import read_body
from ingest.routes.incidents import moment
from ingest.translate import Refused
from ingest.visitor import Visitor, wants_html, who_asks
from streams.records.identity import source_key_of


PATH = "/api/incidents/ack/{incident_id}"
_LARGEST_FORM = 10_000
_NO_ID = Words("No such incident", "This address holds no incident id. Copy the whole link from the message.", "bad")
_NOT_GENUINE = Words(
    "Link refused", "This link is not genuine, or has run out. Use the newest message about the incident.", "bad"
)
_LOOKED = Words("Not acknowledged", "Link previews and prefetches acknowledge nothing. POST to acknowledge.")


def add_to(app: FastAPI, edge: Edge) -> None:
    """Add the routes."""
    endpoint = AckEndpoint(edge)
    add = app.router.add_api_route
    add(PATH, endpoint.get, methods=["GET"], route_class_override=RawRoute, **documentation.GET_ACK)
    add(PATH, endpoint.head, methods=["HEAD"], route_class_override=RawRoute, include_in_schema=False)
    add(PATH, endpoint.post, methods=["POST"], route_class_override=RawRoute, **documentation.POST_ACK)


class AckEndpoint:
    """Answers whoever follows an ACK link."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def head(self, request: Request) -> Response:
        """Nothing happens."""
        return self._refusal(request) or Response(headers=pages.HEADERS)

    async def get(self, request: Request) -> Response:
        """A page for people, an acknowledgement for programs, nothing for those that only look."""
        if refusal := self._refusal(request):
            return refusal
        visitor = who_asks(request.headers)
        if visitor is Visitor.PROGRAM:
            return await self._acknowledge(request, who(_named(request)), "link")
        if not wants_html(request.headers):
            return _told(request, HTTPStatus.OK, "not_acknowledged", _LOOKED)
        # A person whose browser fetched the page ahead finds a button on it.
        by_itself = visitor is Visitor.BROWSER and not self._edge.settings.ack.confirm
        incident = await self._edge.desk.look_up(request.path_params["incident_id"])
        return HTMLResponse(pages.ask_page(incident, by_itself=by_itself), headers=pages.PAGE_HEADERS)

    async def post(self, request: Request) -> Response:
        """Acknowledge."""
        if refusal := self._refusal(request):
            return refusal
        via = "link" if wants_html(request.headers) else "api"
        return await self._acknowledge(request, who(_named(request) or await _named_in_body(request)), via)

    def _refusal(self, request: Request) -> Response | None:
        incident_id = request.path_params["incident_id"]
        if source_key_of(incident_id) is None:
            return _told(request, HTTPStatus.NOT_FOUND, "refused", _NO_ID)
        if not self._edge.links.accepts(incident_id, request.query_params.get("token"), now_ms()):
            return _told(request, HTTPStatus.FORBIDDEN, "refused", _NOT_GENUINE)
        return None

    async def _acknowledge(self, request: Request, by: str, via: str) -> Response:
        done = await self._edge.desk.acknowledge(request.path_params["incident_id"], by=by, via=via)
        status = HTTPStatus.OK if was_saved(done.verdict) else HTTPStatus.SERVICE_UNAVAILABLE
        retry = {} if was_saved(done.verdict) else {"Retry-After": "2"}
        if wants_html(request.headers):
            page = pages.verdict_page(done.verdict, done.incident)
            return HTMLResponse(page, status, {**pages.PAGE_HEADERS, **retry})
        return answer(status, _said(done), {**pages.HEADERS, **retry})


def _said(done: Acknowledged) -> dict[str, Any]:
    verdict = done.verdict
    words = pages.words_for(verdict)
    return {
        "status": verdict.answer,
        "incident_id": done.incident_id,
        "message": f"{words.heading}. {words.text}",
        "by": verdict.by,
        "at": moment(verdict.at_ms),
        "page_may_come": verdict.page_may_come,
    }


def _told(request: Request, status: HTTPStatus, name: str, words: Words) -> Response:
    if wants_html(request.headers):
        return HTMLResponse(pages.refusal_page(words), status, pages.PAGE_HEADERS)
    said = {
        "status": name,
        "incident_id": request.path_params["incident_id"],
        "message": f"{words.heading}. {words.text}",
    }
    return answer(status, said, pages.HEADERS)


def _named(request: Request) -> str | None:
    return request.query_params.get("by") or request.headers.get("x-acknowledged-by")


async def _named_in_body(request: Request) -> str | None:
    """`by` in a form or a JSON object. Whatever else the body is, somebody acknowledges and does not say who."""
    try:
        body = await read_body(request, _LARGEST_FORM)
    except (Refused, ClientDisconnect):
        return None
    if "json" in request.headers.get("content-type", ""):
        return _text(_json_object(body).get("by"))
    return _text(next(iter(parse_qs(body.decode("utf-8", "replace")).get("by", [])), None))


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
