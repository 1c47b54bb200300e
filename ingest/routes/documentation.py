"""What `/docs` says about the routes that take the request as it comes."""

from typing import Any


def _text(name: str, description: str, schema: dict[str, Any] | None = None, where: str = "query") -> dict[str, Any]:
    return {"name": name, "in": where, "required": False, "description": description,
            "schema": schema or {"type": "string"}}  # fmt: skip


_WARNED = " What makes no sense is answered 201 with a warning, and the default is used."
_CREATED = {
    "type": "object",
    "required": ["status", "incident_id", "event_id", "ack_url", "warnings"],
    "properties": {
        "status": {"const": "created"},
        "incident_id": {"type": "string", "description": "The incident that this alert opened or belongs to"},
        "event_id": {"type": "string", "description": "This delivery"},
        "ack_url": {"type": ["string", "null"], "description": "Acknowledges; null where nobody is on call for it"},
        "warnings": {"type": "array", "items": {"type": "string"}},
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["status", "error"],
    "properties": {
        "status": {"type": "string"},
        "error": {"type": "string", "description": "What is wrong, and where"},
    },
}
_ACKNOWLEDGED = {
    "type": "object",
    "required": ["status", "incident_id", "message"],
    "properties": {
        "status": {
            "enum": ["acknowledged", "already_acknowledged", "already_escalated", "resolved", "recorded",
                     "not_saved", "not_acknowledged", "refused"]
        },
        "incident_id": {"type": "string"},
        "message": {"type": "string"},
        "by": {"type": "string", "description": "Who was first"},
        "at": {"type": "string", "format": "date-time"},
        "page_may_come": {
            "type": "boolean",
            "description": "Whether the page is on its way all the same is not known: Redis could not be asked, or does not know the incident",
        },
    },
}  # fmt: skip


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


POST_ALERTS: dict[str, Any] = {
    "summary": "Bring in an alert, or an array of them",
    "description": "Any JSON object is an alert; an Alertmanager webhook body (version 4) is understood best. The "
    "content type is not insisted on. An array is taken whole or not at all.",
    "tags": ["alerts"],
    "status_code": 201,
    "response_model": None,
    "responses": {
        201: _json("Kafka has it. For an array: `count` and `incidents`", _CREATED),
        400: _json("Not JSON, or no object and no array of objects", _PROBLEM),
        413: _json("Larger than one Kafka record may be", _PROBLEM),
        503: _json("Kafka is away, slow or overloaded. Send it again; `Retry-After` says when", _PROBLEM),
    },
    "openapi_extra": {
        "parameters": [
            _text("oncall_enable", "Whether somebody is paged for it." + _WARNED, {"type": "boolean"}),
            _text(
                "oncall_wait_minutes",
                "How long people have to acknowledge; 0 pages at once." + _WARNED,
                {"type": "number", "minimum": 0},
            ),
            _text("pagerduty_other_routing_key", "The name of a configured routing key, never a key." + _WARNED),
            _text("slack_channel_id", "The channel to tell instead of the configured one."),
            _text("dedup_key", "What the same problem always has. Alertmanager bodies need none."),
            _text("Idempotency-Key", "Is `dedup_key` where that is not given.", where="header"),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            {"type": "object"},
                            {"type": "array", "minItems": 1, "items": {"type": "object"}},
                        ]
                    }
                }
            },
        },
    },
}

_ACK: dict[str, Any] = {
    "tags": ["acknowledge"],
    "response_model": None,
    "responses": {
        200: _json("What it came to; a page where `Accept` has text/html", _ACKNOWLEDGED),
        403: _json("The link is not genuine, or has run out", _ACKNOWLEDGED),
        404: _json("This is no incident id", _ACKNOWLEDGED),
        503: _json("Neither Redis nor Kafka has it: the page may still come", _ACKNOWLEDGED),
    },
    "openapi_extra": {
        "parameters": [
            {"name": "incident_id", "in": "path", "required": True, "schema": {"type": "string"}},
            _text("token", "The signature, where `ack.signing_key` is set."),
            _text("by", "Who acknowledges, for all to see."),
        ]
    },
}
GET_ACK: dict[str, Any] = {
    **_ACK,
    "summary": "Follow an ACK link",
    "description": "A browser gets a page that acknowledges; a program is acknowledged at once. HEAD, link previews and "
    "prefetches change nothing.",
}
POST_ACK: dict[str, Any] = {
    **_ACK,
    "summary": "Acknowledge",
    "description": "`by` may also come in a form or JSON body, or in the header `X-Acknowledged-By`.",
}
