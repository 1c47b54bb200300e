"""What is written about a page that the streams owed. Pure.

The same dedup key and key name as the timer's own, so that PagerDuty opens no second incident for whichever comes later.
"""

from reconciler.obligations import Obligation
from streams.records import (
    Cause,
    DelayAlertsAdded,
    DelayScheduled,
    Happening,
    LogEntry,
    Millis,
    PagerDutyTrigger,
    PageReason,
)
from streams.records.identity import dedup_key, source_key_of


ROLE = "reconciler"


def trigger_for(owed: Obligation, alert: DelayScheduled | DelayAlertsAdded | None, now_ms: Millis) -> PagerDutyTrigger:
    """The page. Without the alert it says little, and wakes somebody all the same (law 2)."""
    return PagerDutyTrigger(
        incident_id=owed.incident_id,
        source_key=alert.source_key if alert else source_key_of(owed.incident_id) or owed.incident_id,
        round=owed.round,
        dedup_key=dedup_key(owed.incident_id, owed.round),
        routing_key_name=owed.routing_key_name,
        at_ms=now_ms,
        due_ms=owed.due_ms,
        reason=PageReason.DEADLINE_PASSED,
        payload=alert.payload if alert else {},
    )


def entry_for(owed: Obligation, trigger: PagerDutyTrigger, delays: str) -> LogEntry:
    """The incident log's entry of it. `delays` is the name of the topic that the obligation comes from."""
    detail = {
        "round": trigger.round,
        "due_ms": trigger.due_ms,
        "reason": trigger.reason,
        "dedup_key": trigger.dedup_key,
        "routing_key_name": trigger.routing_key_name,
        "lateness_ms": trigger.at_ms - trigger.due_ms,
    }
    return LogEntry(
        incident_id=trigger.incident_id,
        source_key=trigger.source_key,
        at_ms=trigger.at_ms,
        role=ROLE,
        what=Happening.ESCALATED,
        cause=Cause(delays, owed.partition, owed.offset),
        detail={name: value for name, value in detail.items() if value is not None},
    )
