"""What whoever is woken gets to read: the Events v2 body of a page."""

from typing import Any

import msgspec
import pytest

from hypothesis import HealthCheck, given, settings

from notifiers.page import MAX_EVENT_BYTES, event_of, plain_event_of, severity
from streams.records import PagerDutyAcknowledge, PagerDutyResolve, PagerDutyTrigger, PageReason
from tests.bodies import alertmanager_body, any_body


HOST = "https://ack.example"
DUE_MS = 1_700_000_000_000


def trigger(**changes: Any) -> PagerDutyTrigger:
    """A page for the alert of `alertmanager_body`, unless told otherwise."""
    fields: dict[str, Any] = {
        "incident_id": "the-incident", "source_key": "key", "round": 1, "dedup_key": "the-incident",
        "at_ms": DUE_MS + 250, "due_ms": DUE_MS, "reason": PageReason.DEADLINE_PASSED, "payload": alertmanager_body(),
    }  # fmt: skip
    return PagerDutyTrigger(**{**fields, **changes})


def test_a_page_says_what_is_wrong_where_and_since_when() -> None:
    """Everything that PagerDuty has a place for comes from the alert."""
    event = event_of(trigger(), HOST)
    payload = {**event["payload"]}
    details = payload.pop("custom_details")

    assert ("trigger", "the-incident") == (event["event_action"], event["dedup_key"])
    assert {
        "summary": "DiskFull: Only 3 % are left.",
        "source": "db1:9100",
        "severity": "critical",
        "timestamp": "2023-11-14T22:10:00.123+00:00",
        "component": "node",
        "class": "DiskFull",
    } == payload
    assert ("2023-11-14T22:13:20.000+00:00", "2023-11-14T22:13:20.250+00:00") == (
        details["due_at"],
        details["decided_at"],
    )
    assert ("the-incident", 1, "deadline_passed") == (details["incident_id"], details["round"], details["reason"])


def test_a_page_leads_on() -> None:
    """From the page there are ways to the runbook, the sources and Ackline itself."""
    event = event_of(trigger(), HOST)

    assert "https://ack.example/api/incidents/the-incident" == event["client_url"]
    assert [
        "https://runbooks.example/disk",
        "http://prometheus.example/graph",
        "http://alertmanager.example",
    ] == [link["href"] for link in event["links"]]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "javascript://x/%0aalert(1)", "file:///etc/passwd", "https://", "https://a b", 7, None],
)
def test_only_web_addresses_become_links(url: Any) -> None:
    """Whoever sends alerts must not be able to put another kind of link into a page."""
    event = event_of(trigger(payload={"title": "x", "externalURL": url}), HOST)

    assert [] == event["links"]


@pytest.mark.parametrize(
    ("said", "severity_of_page"),
    [
        ("critical", "critical"), ("page", "critical"), ("FATAL", "critical"), ("High", "critical"),
        ("error", "error"), ("warning", "warning"), ("warn", "warning"), ("info", "info"), ("low", "info"),
        ("purple", "error"), ("", "error"),
    ],
)  # fmt: skip
def test_severities_are_pagerdutys_own(said: str, severity_of_page: str) -> None:
    """PagerDuty knows four words, and refuses others; an unknown one is an error."""
    assert severity_of_page == severity(alertmanager_body(severity=said))


def test_a_long_summary_is_cut_at_pagerdutys_limit() -> None:
    """1,024 characters: https://developer.pagerduty.com/docs/send-alert-event."""
    event = event_of(trigger(payload={"title": "x" * 300, "description": "y" * 5_000}), HOST)

    assert 1_024 == len(event["payload"]["summary"])
    assert event["payload"]["summary"].endswith("y…")


def test_a_warning_is_told_to_whoever_is_woken() -> None:
    """A page through another key than was asked for says so."""
    assert "wrong key" == event_of(trigger(), HOST, "wrong key")["payload"]["custom_details"]["warning"]


def test_a_huge_alert_is_trimmed_and_says_so() -> None:
    """512 KB is the limit; the page's own facts stay, and a note tells that there was more."""
    body = alertmanager_body()
    body["alerts"][0]["annotations"] = {"log": "é" * 600_000}
    event = event_of(trigger(payload=body), HOST)

    assert len(msgspec.json.encode(event)) <= MAX_EVENT_BYTES
    details = event["payload"]["custom_details"]
    assert ("the-incident", "db1:9100") == (details["incident_id"], details["labels"]["instance"])
    assert "left out" in details["note"]


def test_many_alerts_are_counted() -> None:
    """A group of hundreds shows its first, and how many more there are."""
    body = {**alertmanager_body(), "alerts": alertmanager_body()["alerts"] * 40}

    assert 15 == event_of(trigger(payload=body), HOST)["payload"]["custom_details"]["alerts_not_shown"]


def test_a_generic_body_is_shown_whole() -> None:
    """A body that is none of Alertmanager's has its fields in the details."""
    event = event_of(trigger(payload={"title": "Backup failed", "host": "nas", "tries": 3}), HOST)

    assert ("Backup failed", "nas") == (event["payload"]["summary"], event["payload"]["source"])
    assert 3 == event["payload"]["custom_details"]["alert"]["tries"]


@pytest.mark.parametrize("kind", [PagerDutyAcknowledge, PagerDutyResolve])
def test_what_follows_a_page_says_only_what_it_must(kind: Any) -> None:
    """Acknowledge and resolve name the page, and nothing else."""
    more = {"by": "Natsu"} if kind is PagerDutyAcknowledge else {}
    record = kind(incident_id="i", source_key="k", round=2, dedup_key="i-r2", at_ms=1, **more)

    assert {"event_action": record.__struct_config__.tag, "dedup_key": "i-r2"} == event_of(record, HOST)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(any_body)
def test_any_body_pages(payload: dict[str, Any]) -> None:
    """Whatever a body holds, there is a page with all that PagerDuty insists on, within its limits."""
    for event in (event_of(trigger(payload=payload), HOST), plain_event_of(trigger(payload=payload), HOST)):
        assert len(msgspec.json.encode(event)) <= MAX_EVENT_BYTES
        assert event["payload"]["severity"] in {"critical", "error", "warning", "info"}
        assert 0 < len(event["payload"]["summary"].strip()) <= 1_024
        assert event["payload"]["source"].strip()
