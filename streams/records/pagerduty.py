"""What notifiers are to tell PagerDuty. A routing key appears by its name alone."""

from enum import StrEnum
from typing import Any

from streams.records.base import Millis, Record


class PageReason(StrEnum):
    """Why somebody is woken."""

    DEADLINE_PASSED = "deadline_passed"
    NO_WAIT = "no_wait"
    SLACK_REJECTED = "slack_rejected"


class PagerDutyEvent(Record, frozen=True, kw_only=True, tag_field="type"):
    """Common to all of them. `dedup_key` and `routing_key_name` are the trigger's in all that follows it:
    PagerDuty drops an acknowledge or a resolve that comes through another key."""

    incident_id: str
    source_key: str
    round: int
    dedup_key: str
    routing_key_name: str | None = None
    """None is the default key."""
    at_ms: Millis


class PagerDutyTrigger(PagerDutyEvent, frozen=True, kw_only=True, tag="trigger"):
    """Wake somebody."""

    due_ms: Millis
    """When it was due; `at_ms - due_ms` is the decision's lateness."""
    reason: PageReason
    payload: dict[str, Any]


class PagerDutyAcknowledge(PagerDutyEvent, frozen=True, kw_only=True, tag="acknowledge"):
    """Somebody acknowledged after the page."""

    by: str


class PagerDutyResolve(PagerDutyEvent, frozen=True, kw_only=True, tag="resolve"):
    """The problem resolved after the page."""
