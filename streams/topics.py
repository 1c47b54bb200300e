"""Every topic of the pipeline: its name, what it carries, who writes it, and how the broker keeps it.

All of them have the same number of partitions, and every record about one problem has the same key (its source
key), so that one partition holds the whole story of a problem in one order. Start reading here.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Topic(StrEnum):
    """The topics by their names without the prefix."""

    ALERTS = "alerts"
    SLACK_NOTIFICATIONS = "slack-notifications"
    DELAYS = "delays"
    ACKS = "acks"
    TICKS = "ticks"
    PAGERDUTY_EVENTS = "pagerduty-events"
    INCIDENT_LOG = "incident-log"
    DEAD_LETTERS = "dead-letters"


class Table(StrEnum):
    """The Faust tables; each has a compacted changelog topic."""

    INCIDENTS = "incidents"
    ESCALATIONS = "escalations"
    DEADLINES = "deadlines"


KEPT_FOR_AUDIT = timedelta(days=31)
"""How long the story of an incident can be replayed."""

MAX_RECORD_BYTES = 2 * 1024 * 1024
"""What topics take, twice what ingest lets in: an alert travels on inside larger records."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How one topic is to be on the broker."""

    name: str
    """Whole, with the prefix."""
    partitions: int
    replication_factor: int
    config: dict[str, str]


def topic_name(prefix: str, topic: Topic) -> str:
    """The name of a topic on the broker."""
    return f"{prefix}{topic}"


def app_id(prefix: str) -> str:
    """The consumer group of the streams workers, and the beginning of their changelogs' names."""
    return f"{prefix}streams"


def changelog_name(prefix: str, table: Table) -> str:
    """The name of a table's changelog, as Faust builds it from the app's id."""
    return f"{app_id(prefix)}-{table}-changelog"


def all_topics(*, prefix: str, partitions: int, replication_factor: int) -> list[TopicSpec]:
    """Every topic that must exist before any role starts, changelogs included.

    Faust does not create the topics that its agents read: an agent whose topic is missing consumes nothing until
    a restart.
    """
    durable = {
        "max.message.bytes": str(MAX_RECORD_BYTES),
        # One broker short must not stop writes, and two copies must have each record: the usual 3 and 2.
        "min.insync.replicas": str(max(1, replication_factor - 1)),
    }
    kept = {**durable, "cleanup.policy": "delete", "retention.ms": _milliseconds(KEPT_FOR_AUDIT)}
    # A tick is of no use a minute later; segments roll quickly so that the disk sees the short retention.
    brief = {
        **durable,
        "cleanup.policy": "delete",
        "retention.ms": _milliseconds(timedelta(minutes=10)),
        "segment.ms": _milliseconds(timedelta(minutes=10)),
    }
    compacted = {**durable, "cleanup.policy": "compact"}
    named = [(topic_name(prefix, topic), brief if topic is Topic.TICKS else kept) for topic in Topic]
    changelogs = [(changelog_name(prefix, table), compacted) for table in Table]
    return [TopicSpec(name, partitions, replication_factor, config) for name, config in named + changelogs]


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))
