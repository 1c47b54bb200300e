"""Makes the Events v2 body of a page out of its record. Pure, and never raises: whatever the alert holds, it pages.

The limits are those of https://developer.pagerduty.com/docs/send-alert-event. The routing key is not part of it.
"""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from notifiers import payload as read
from notifiers.builtin import shortened
from streams.records import (
    Millis,
    PagerDutyAcknowledge,
    PagerDutyEvent,
    PagerDutyResolve,
    PagerDutyTrigger,
    title,
)
from streams.records import severity as severity_of


MAX_SUMMARY: Final = 1_024
MAX_EVENT_BYTES: Final = 512_000 - 1_000
"""PagerDuty takes 512 KB; the routing key and the commas between are yet to come."""
MAX_ALERTS: Final = 25
MAX_FIELD: Final = 255
CLIENT: Final = "Ackline"
TRIMMED: Final = "Some details were left out, since the event would have been larger than PagerDuty's 512 KB."

_SEVERITIES = {
    "critical": (
        "critical",
        "crit",
        "page",
        "fatal",
        "high",
        "urgent",
        "emergency",
        "emerg",
        "alert",
        "disaster",
        "p1",
        "sev1",
    ),
    "error": ("error", "err", "major", "p2", "sev2"),
    "warning": ("warning", "warn", "minor", "medium", "average", "p3", "sev3"),
    "info": ("info", "information", "informational", "notice", "low", "debug", "none", "ok", "p4", "p5", "sev4"),
}
_SEVERITY_OF = {word: severity for severity, words in _SEVERITIES.items() for word in words}


def event_of(record: PagerDutyEvent, public_host: str, warning: str | None = None) -> dict[str, Any]:
    """The body that says what the record says; `warning` goes where whoever is woken can read it."""
    if isinstance(record, PagerDutyTrigger):
        return _trigger(record, public_host, warning)
    return {"event_action": action(record), "dedup_key": record.dedup_key}


def plain_event_of(record: PagerDutyEvent, public_host: str, warning: str | None = None) -> dict[str, Any]:
    """The same with what PagerDuty insists on, and nothing that it could object to."""
    if not isinstance(record, PagerDutyTrigger):
        return event_of(record, public_host)
    payload = {"summary": _summary(record), "source": CLIENT, "severity": severity(record.payload)}
    details = {"incident_id": record.incident_id, **({"warning": warning} if warning else {})}
    return {
        "event_action": action(record),
        "dedup_key": record.dedup_key,
        "payload": {**payload, "custom_details": details},
    }


def action(record: PagerDutyEvent) -> str:
    """PagerDuty's `event_action`."""
    if isinstance(record, PagerDutyAcknowledge):
        return "acknowledge"
    return "resolve" if isinstance(record, PagerDutyResolve) else "trigger"


def severity(payload: dict[str, Any]) -> str:
    """One of PagerDuty's four; unknown or missing is `error`, as Alertmanager has it."""
    return _SEVERITY_OF.get(severity_of(payload), "error")


def _trigger(record: PagerDutyTrigger, public_host: str, warning: str | None) -> dict[str, Any]:
    labels = read.labels(record.payload)
    parts = {
        "summary": _summary(record),
        "source": _source(record.payload, labels),
        "severity": severity(record.payload),
        "timestamp": _started(record),
        "component": _label(labels, "component", "service", "app", "job"),
        "group": _label(labels, "group", "cluster", "namespace", "team"),
        "class": _label(labels, "class", "alertname"),
    }
    event = {
        "event_action": action(record),
        "dedup_key": record.dedup_key,
        "payload": {name: value for name, value in parts.items() if value},
        "client": CLIENT,
        "client_url": f"{public_host}/api/incidents/{record.incident_id}",
        "links": _links(record.payload),
    }
    return _within_limit(event, _facts(record, warning), record)


def _within_limit(event: dict[str, Any], facts: dict[str, Any], record: PagerDutyTrigger) -> dict[str, Any]:
    """With as many details as fit, the facts of the page itself always among them."""
    for details, note in ((_details, {}), (_few_details, {"note": TRIMMED})):
        full = {**event, "payload": {**event["payload"], "custom_details": {**details(record), **facts, **note}}}
        if len(msgspec.json.encode(full)) <= MAX_EVENT_BYTES:
            return full
    return {**event, "payload": {**event["payload"], "custom_details": {**facts, "note": TRIMMED}}, "links": []}


def _facts(record: PagerDutyTrigger, warning: str | None) -> dict[str, Any]:
    facts = {
        "incident_id": record.incident_id,
        "round": record.round,
        "reason": str(record.reason),
        "due_at": iso(record.due_ms),
        "decided_at": iso(record.at_ms),
    }
    return {**facts, "warning": warning} if warning else facts


def _details(record: PagerDutyTrigger) -> dict[str, Any]:
    listed = read.alerts(record.payload)
    if not listed and not read.labels(record.payload):
        return {"alert": record.payload}
    shown = listed[:MAX_ALERTS]
    hidden = {"alerts_not_shown": len(listed) - MAX_ALERTS} if len(listed) > MAX_ALERTS else {}
    labels, annotations = read.labels(record.payload), read.annotations(record.payload)
    return {"labels": labels, "annotations": annotations, "alerts": shown, **hidden}


def _few_details(record: PagerDutyTrigger) -> dict[str, Any]:
    labels = list(read.labels(record.payload).items())[:MAX_ALERTS]
    described = shortened(read.description(record.payload), 2_000)
    return {"labels": {shortened(k, MAX_FIELD): shortened(v, MAX_FIELD) for k, v in labels}, "description": described}


def _summary(record: PagerDutyTrigger) -> str:
    named, said = title(record.payload), " ".join(read.description(record.payload).split())
    return shortened(f"{named}: {said}" if said else named, MAX_SUMMARY)


def _source(payload: dict[str, Any], labels: dict[str, str]) -> str:
    named = _label(labels, "instance", "host", "hostname", "node", "pod", "service", "job")
    given = next(
        (text for name in ("host", "hostname", "source", "service") if (text := read.words(payload.get(name)))), ""
    )
    return named or shortened(given or read.web_url(payload.get("externalURL")) or CLIENT, MAX_FIELD)


def _label(labels: dict[str, str], *names: str) -> str:
    return shortened(next((labels[name] for name in names if name in labels), ""), MAX_FIELD)


def _started(record: PagerDutyTrigger) -> str:
    starts = [moment for alert in read.alerts(record.payload) if (moment := _moment(alert.get("startsAt")))]
    return min(starts).isoformat(timespec="milliseconds") if starts else iso(record.at_ms)


def _moment(value: Any) -> datetime | None:
    try:
        # Alertmanager writes up to nine digits of a second; msgspec reads them all.
        moment = msgspec.convert(value, datetime)
        return moment.astimezone(UTC) if moment.tzinfo and moment.year > 1 else None
    except (msgspec.ValidationError, OverflowError, ValueError):
        return None


def _links(payload: dict[str, Any]) -> list[dict[str, str]]:
    annotations, first = read.annotations(payload), read.first_alert(payload)
    offered = [
        ("Runbook", annotations.get("runbook_url") or annotations.get("runbook")),
        ("Dashboard", annotations.get("dashboard_url") or first.get("dashboardURL")),
        ("Source of the alert", first.get("generatorURL") or payload.get("generatorURL")),
        ("Alertmanager", payload.get("externalURL")),
    ]
    return [
        {"href": url, "text": text} for text, value in offered if (url := read.web_url(value)) and len(url) <= 2_000
    ]


def iso(at_ms: Millis) -> str:
    """A time in ISO 8601, to the millisecond, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
