"""`POST /api/incidents`: alerts in. 201 means that Kafka has them, on as many brokers as must have them."""

import secrets

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import structlog

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ingest import metrics
from ingest.edge import Edge, RawRoute, answer, now_ms
from ingest.publish import Message, NotPublished, RecordTooLarge
from ingest.redact import redacted
from ingest.routes import documentation
from ingest.translate import Refused, TooLarge, Translated, translate
from ingest.translate import Request as Given
from streams.codec import encode
from streams.records import AlertEvent, Millis
from streams.records.identity import has_stable_identity, incident_id, is_alertmanager, source_key
from streams.topics import Topic


log = structlog.get_logger("ackline.ingest")

RETRY_AFTER = {"Retry-After": "5"}
PATH = "/api/incidents"


def add_to(app: FastAPI, edge: Edge) -> None:
    """Add the route."""
    endpoint = AlertsEndpoint(edge)
    app.router.add_api_route(
        PATH, endpoint.post, methods=["POST"], route_class_override=RawRoute, **documentation.POST_ALERTS
    )


class AlertsEndpoint:
    """Takes alerts."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._settings = edge.settings
        self._key_names = edge.settings.key_names
        self._secret = edge.settings.deployment_secret

    async def post(self, request: Request) -> Response:
        """Take one alert, or an array of them."""
        received_ms = now_ms()
        try:
            given = await read(request, self._settings.ingest.max_body_bytes)
            translated = translate(given, key_names=self._key_names, new_event_id=_new_event_id, now_ms=received_ms)
            incidents = await self._take(translated.alerts, received_ms)
        except Refused as problem:
            return _refused(problem)
        except NotPublished as problem:
            return _not_published(problem)
        except ClientDisconnect:
            return Response(status_code=400)  # Nobody is there to read it.
        return _created(translated, incidents)

    async def _take(self, alerts: Sequence[AlertEvent], received_ms: Millis) -> list[dict[str, Any]]:
        keys = [source_key(alert) for alert in alerts]
        # Asked while Kafka works, so the answer usually costs no time.
        known = [
            self._edge.open_incidents.of(key) if has_stable_identity(alert) else None
            for alert, key in zip(alerts, keys, strict=True)
        ]
        await self._edge.publisher.publish(
            [Message(Topic.ALERTS, key, encode(alert)) for alert, key in zip(alerts, keys, strict=True)]
        )
        metrics.ACCEPTED.inc(len(alerts))
        told = zip(alerts, keys, known, strict=True)
        return [self._tell(alert, key, await open_ if open_ else None, received_ms) for alert, key, open_ in told]

    def _tell(self, alert: AlertEvent, key: str, known: str | None, received_ms: Millis) -> dict[str, Any]:
        incident = known or incident_id(self._secret, key, alert.event_id)
        # What was accepted is in the topic. A line for each alert cost a fifth of ingest, so it is for who asks for it.
        if self._settings.alert.debug_body:
            log.info("alert_accepted", event_id=alert.event_id, incident_id=incident, body=redacted(alert.payload))
        link = self._edge.links.link(incident, received_ms) if self._is_on_call(alert) else None
        return {
            "incident_id": incident,
            "event_id": alert.event_id,
            "ack_url": link,
            "warnings": alert.warnings,
        }

    def _is_on_call(self, alert: AlertEvent) -> bool:
        if is_alertmanager(alert.payload) and alert.payload.get("status") == "resolved":
            return False
        enabled = alert.oncall_enable
        return self._settings.oncall.enable if enabled is None else enabled


async def read(request: Request, limit: int) -> Given:
    """What of the request matters. The body is counted as it comes, and no more of it is kept than the limit.

    Raises:
        TooLarge: the body is larger than the limit.
    """
    query = request.scope["query_string"]
    body = await read_body(request, limit)
    parameters = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {}
    return Given(body=body, parameters=parameters, idempotency_key=request.headers.get("idempotency-key"))


async def read_body(request: Request, limit: int) -> bytes:
    """The body, as far as the limit allows."""
    problem = TooLarge(f"the body is larger than {limit} bytes; send fewer alerts at once, or shorter ones")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise problem
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise problem
        chunks.append(chunk)
    return b"".join(chunks)


def _new_event_id() -> str:
    return secrets.token_urlsafe(24)


def _created(translated: Translated, incidents: list[dict[str, Any]]) -> Response:
    if translated.is_array:
        return answer(201, {"status": "created", "count": len(incidents), "incidents": incidents})
    return answer(201, {"status": "created", **incidents[0]})


def _refused(problem: Refused) -> Response:
    metrics.REFUSED.labels(reason=problem.reason).inc()
    log.warning("alert_refused", reason=problem.reason)
    return answer(problem.status, {"status": "refused", "error": str(problem)})


def _not_published(problem: NotPublished) -> Response:
    if isinstance(problem, RecordTooLarge):
        return _refused(TooLarge(str(problem)))
    metrics.REFUSED.labels(reason=problem.reason).inc()
    log.warning("alert_not_accepted", reason=problem.reason)
    error = f"{problem}; the alert is not accepted, send it again"
    return answer(503, {"status": "unavailable", "error": error}, RETRY_AFTER)
