"""The records of the benches: alerts, deadlines and pages about a body of the size that Alertmanager usually sends."""

import time

from collections.abc import Iterator
from typing import Any

from bench.ground import key_name
from bench.topics import Given
from streams.codec import encode
from streams.records import AlertEvent, DelayScheduled, PagerDutyTrigger, PageReason
from streams.records.identity import incident_id, source_key


BODY_BYTES = 2_700
"""About as large as a body about two alerts is."""
_SECRET = b"a secret of the benches, 32 byte"
_TEXT = "The request latency of this instance has been above the threshold of its objective for a while. "


def name(number: int) -> str:
    """By this an alert is found again, wherever it comes."""
    return f"bench-{number:08d}"


def body(named: str) -> dict[str, Any]:
    """An Alertmanager body of 2.7 kB about two alerts, of a group of its own."""
    labels = {"alertname": "HighRequestLatency", "cluster": "eu-1", "namespace": "shop", "severity": "critical"}
    alerts = [
        {
            "status": "firing",
            "labels": {**labels, "instance": f"10.0.0.{number}:9090", "pod": f"shop-{number}-7c9f", "job": "shop"},
            "annotations": {"summary": f"{named}: latency is high", "description": _TEXT * 6,
                            "runbook_url": "https://runbooks.example/latency",
                            "dashboard_url": "https://dashboards.example/d/latency", "impact": "Orders take longer."},
            "startsAt": "2026-11-24T12:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example/graph?g0.expr=latency",
            "fingerprint": f"{number:016x}",
        }
        for number in (1, 2)
    ]  # fmt: skip
    return {
        "version": "4", "groupKey": f'{{}}:{{alertname="{named}"}}', "truncatedAlerts": 0, "status": "firing",
        "receiver": "ackline", "groupLabels": {"alertname": named}, "commonLabels": labels,
        "commonAnnotations": {"summary": f"{named}: latency is high"},
        "externalURL": "http://alertmanager.example", "alerts": alerts,
    }  # fmt: skip


def alerts(numbers: Iterator[int] | range) -> Iterator[Given]:
    """Alerts as ingest writes them; one for each number, and the same group for the same number."""
    for sent, number in enumerate(numbers):
        alert = AlertEvent(payload=body(name(number)), event_id=f"e{number}-{sent}", received_ms=now_ms())
        yield Given(source_key(alert).encode(), encode(alert))


def deadline(number: int, due_ms: int, keys: int) -> Given:
    """A deadline as the fan-out agent writes it; routing keys take turns."""
    key = source_key(AlertEvent(payload={}, dedup_key=name(number)))
    record = DelayScheduled(
        event_id=f"e{number}", incident_id=incident_id(_SECRET, key, f"e{number}"), source_key=key, at_ms=now_ms(),
        due_ms=due_ms, routing_key_name=key_name(1 + number % keys), payload=body(name(number)),
    )  # fmt: skip
    return Given(key.encode(), encode(record))


def page(number: int, keys: int) -> Given:
    """A page as the timer agent writes it."""
    key = source_key(AlertEvent(payload={}, dedup_key=name(number)))
    incident, now = incident_id(_SECRET, key, f"e{number}"), now_ms()
    record = PagerDutyTrigger(
        incident_id=incident, source_key=key, round=1, dedup_key=incident,
        routing_key_name=key_name(1 + number % keys), at_ms=now, due_ms=now, reason=PageReason.DEADLINE_PASSED,
        payload=body(name(number)),
    )  # fmt: skip
    return Given(key.encode(), encode(record))


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
