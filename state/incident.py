"""An incident as people see it, computed from its milestones: whatever order those were written in, the view is one.

A milestone is the first of its kind in a round of an incident (`acknowledged:1`). Milestones are only ever added, or
give way to an earlier copy, so writing one twice changes nothing and one that comes late finds its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    """Told in Slack; nobody is on call for it."""
    PENDING = "pending"
    """Somebody will be paged unless somebody acknowledges."""
    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    NOTED = "noted"
    """Told in Slack, and nothing was opened."""
    UNKNOWN = "unknown"
    """Something is known about it, but not yet how it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Who was first."""

    by: str
    via: str
    at_ms: int
    late: bool
    """Whether it came after the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident. Everything about a deadline speaks of the latest round."""

    incident_id: str
    state: IncidentState
    round: int
    title: str = ""
    severity: str | None = None
    opened_ms: int | None = None
    oncall: bool | None = None
    due_ms: int | None = None
    routing_key_name: str | None = None
    channel_id: str | None = None
    acknowledgement: Acknowledgement | None = None
    escalated_ms: int | None = None
    page_lateness_ms: int | None = None
    resolved_ms: int | None = None


Milestones = Mapping[str, Mapping[str, Any]]
"""By `<happening>:<round>`: when (`at_ms`), and the details that its writer gave."""

_OF_A_ROUND = {"scheduled", "round_begun", "expedited", "acknowledged", "acknowledged_late", "escalated"}


def view_incident(incident_id: str, milestones: Milestones) -> Incident:
    """The incident that these milestones tell of. Tolerates any of them, and any of their details, missing."""
    latest = _latest_round(milestones)
    begun = milestones.get("opened:1") or milestones.get("noted:1") or {}
    escalated = milestones.get(f"escalated:{latest}", {})
    delivered = milestones.get(f"pagerduty_delivered:{latest}", {})
    return Incident(
        incident_id=incident_id,
        state=_state(milestones, latest),
        round=latest,
        title=str(begun.get("title") or ""),
        severity=begun.get("severity"),
        opened_ms=begun.get("at_ms"),
        oncall=begun.get("oncall"),
        due_ms=_due(milestones, latest),
        routing_key_name=begun.get("routing_key_name"),
        channel_id=begun.get("channel_id"),
        acknowledgement=_acknowledgement(milestones, latest),
        escalated_ms=escalated.get("at_ms"),
        page_lateness_ms=delivered.get("lateness_ms"),
        resolved_ms=milestones.get("resolved:1", {}).get("at_ms"),
    )


def _latest_round(milestones: Milestones) -> int:
    named = (name.rpartition(":") for name in milestones)
    return max((int(number) for what, _, number in named if what in _OF_A_ROUND), default=1)


def _state(milestones: Milestones, latest: int) -> IncidentState:
    if "resolved:1" in milestones:
        return IncidentState.RESOLVED
    if f"escalated:{latest}" in milestones:
        return IncidentState.ESCALATED
    if f"acknowledged:{latest}" in milestones:
        return IncidentState.ACKNOWLEDGED
    if _due(milestones, latest) is not None:
        return IncidentState.PENDING
    if "opened:1" in milestones:
        return IncidentState.OPEN
    return IncidentState.NOTED if "noted:1" in milestones else IncidentState.UNKNOWN


def _due(milestones: Milestones, latest: int) -> int | None:
    names = [f"expedited:{latest}", f"round_begun:{latest}", f"scheduled:{latest}"]
    names += ["opened:1"] if latest == 1 else []
    told = (milestones.get(name, {}).get("due_ms") for name in names)
    return next((due for due in told if due is not None), None)


def _acknowledgement(milestones: Milestones, latest: int) -> Acknowledgement | None:
    for what in ("acknowledged", "acknowledged_late"):
        if told := milestones.get(f"{what}:{latest}"):
            return Acknowledgement(
                by=str(told.get("by") or "link"),
                via=str(told.get("via") or "link"),
                at_ms=int(told.get("at_ms") or 0),
                late=what == "acknowledged_late",
            )
    return None
