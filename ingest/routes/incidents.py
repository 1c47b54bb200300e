"""`GET /api/incidents` and `GET /api/incidents/<id>`: what the read model knows. 503 where Redis does not answer."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from starlette.responses import Response

from ingest.edge import Edge, answer
from state.incident import Incident, IncidentState
from state.read_model import Unavailable
from streams.records import Millis
from streams.records.identity import source_key_of


MOST_LISTED = 200


def add_to(app: FastAPI, edge: Edge) -> None:
    """Add the routes."""

    async def list_incidents(
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="How many at most")] = 50,
        state: Annotated[
            IncidentState | None, Query(description="Only these, among the last thousand incidents")
        ] = None,
    ) -> Response:
        try:
            incidents = await edge.reader.latest(limit=limit, state=state)
        except Unavailable as problem:
            return _unavailable(problem)
        return answer(200, {"count": len(incidents), "incidents": [_summary(incident) for incident in incidents]})

    async def get_incident(incident_id: Annotated[str, Path(description="The incident's id")]) -> Response:
        try:
            incident = await edge.reader.find(incident_id) if source_key_of(incident_id) else None
            timeline = await edge.reader.timeline(incident.incident_id) if incident else []
        except Unavailable as problem:
            return _unavailable(problem)
        if incident is None:
            return answer(404, {"status": "unknown", "error": "no such incident is known here, or not yet"})
        return answer(200, {**_summary(incident), "timeline": [_line(entry) for entry in timeline]})

    add = app.router.add_api_route
    unavailable: dict[str, Any] = {"description": "Redis, which holds the read model, does not answer"}
    add(
        "/api/incidents",
        list_incidents,
        summary="The latest incidents, newest first",
        tags=["incidents"],
        responses={503: unavailable},
    )
    add(
        "/api/incidents/{incident_id}",
        get_incident,
        summary="One incident: its state, deadlines and timeline",
        tags=["incidents"],
        responses={404: {"description": "Not known"}, 503: unavailable},
    )


def moment(at_ms: Millis | None) -> str | None:
    """A point in time as RFC 3339 writes it."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _summary(incident: Incident) -> dict[str, Any]:
    return {
        "incident_id": incident.incident_id,
        "state": incident.state,
        "title": incident.title,
        "severity": incident.severity,
        "source_key": source_key_of(incident.incident_id),
        "oncall": incident.oncall,
        "round": incident.round,
        "opened_at": moment(incident.opened_ms),
        "due_at": moment(incident.due_ms),
        "acknowledged": _acknowledged(incident),
        "escalated_at": moment(incident.escalated_ms),
        "page_lateness_ms": incident.page_lateness_ms,
        "resolved_at": moment(incident.resolved_ms),
        "pagerduty_routing_key_name": incident.routing_key_name,
        "slack_channel_id": incident.channel_id,
    }


def _acknowledged(incident: Incident) -> dict[str, Any] | None:
    if (first := incident.acknowledgement) is None:
        return None
    return {"by": first.by, "via": first.via, "at": moment(first.at_ms), "late": first.late}


def _line(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "at": moment(entry["at_ms"])}


def _unavailable(problem: Unavailable) -> Response:
    error = f"{problem}; alerts and pages go on without it"
    return answer(503, {"status": "unavailable", "error": error}, {"Retry-After": "5"})
