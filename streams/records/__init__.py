"""The records of the pipeline, as everybody outside `streams` may know them."""

from streams.records.ack_link import AckLinks
from streams.records.alert import AlertEvent, AlertOptions, read_options
from streams.records.base import VERSION, Millis, Record
from streams.records.escalation import (
    Ack,
    AckClaim,
    Delay,
    DelayAlertsAdded,
    DelayCancelled,
    DelayExpedited,
    DelayRecord,
    DelayScheduled,
    Tick,
)
from streams.records.log import Cause, Happening, LogEntry
from streams.records.pagerduty import (
    PagerDutyAcknowledge,
    PagerDutyEvent,
    PagerDutyResolve,
    PagerDutyTrigger,
    PageReason,
)
from streams.records.slack import IncidentStatus, SlackNotification, SlackPost, SlackThread, SlackUpdate
from streams.records.summary import severity, title


__all__ = [
    "VERSION",
    "Ack",
    "AckClaim",
    "AckLinks",
    "AlertEvent",
    "AlertOptions",
    "Cause",
    "Delay",
    "DelayAlertsAdded",
    "DelayCancelled",
    "DelayExpedited",
    "DelayRecord",
    "DelayScheduled",
    "Happening",
    "IncidentStatus",
    "LogEntry",
    "Millis",
    "PageReason",
    "PagerDutyAcknowledge",
    "PagerDutyEvent",
    "PagerDutyResolve",
    "PagerDutyTrigger",
    "Record",
    "SlackNotification",
    "SlackPost",
    "SlackThread",
    "SlackUpdate",
    "Tick",
    "read_options",
    "severity",
    "title",
]
