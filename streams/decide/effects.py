"""What a decision wants written: a record and the topic it belongs to."""

from dataclasses import dataclass

from streams.records import (
    Ack,
    AlertEvent,
    Delay,
    LogEntry,
    PagerDutyEvent,
    SlackNotification,
)
from streams.topics import Topic


@dataclass(frozen=True, slots=True)
class Effect:
    """A record on its way to a topic, under its source key."""

    topic: Topic
    key: str
    record: AlertEvent | SlackNotification | Delay | Ack | PagerDutyEvent | LogEntry


def slack(record: SlackNotification) -> Effect:
    """Tell it in Slack."""
    return Effect(Topic.SLACK_NOTIFICATIONS, record.source_key, record)


def delay(record: Delay) -> Effect:
    """Tell the timer agent."""
    return Effect(Topic.DELAYS, record.source_key, record)


def page(record: PagerDutyEvent) -> Effect:
    """Tell PagerDuty."""
    return Effect(Topic.PAGERDUTY_EVENTS, record.source_key, record)


def logged(entry: LogEntry) -> Effect:
    """Write it in the incident log."""
    return Effect(Topic.INCIDENT_LOG, entry.source_key, entry)


def facts(**given: object) -> dict[str, object]:
    """What there is to say about a happening, without what there is not."""
    return {name: value for name, value in given.items() if value is not None}
