"""Every topic of the pipeline: its name, what it carries, who writes it, and how the broker keeps it.

All of them have the same number of partitions, and every record about one problem has the same key (its source
key), so that one partition holds the whole story of a problem in one order. Start reading here.
"""

import functools

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

MAX_ALERT_BYTES = 1024 * 1024
"""The largest record that `alerts` takes."""

MAX_RECORD_BYTES = 8 * 1024 * 1024
"""The largest record that every other topic takes. An alert travels on inside larger records, and JSON may grow when
it is written anew (`1E9` becomes `1000000000.0`): what was accepted must fit whatever becomes of it."""


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


@functools.lru_cache(maxsize=1_000)
def topic_of(name: str) -> Topic | None:
    """The topic that a whole name means, with whatever prefix; None where it means none of them."""
    return next((topic for topic in Topic if name.endswith(topic)), None)


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
        # One broker short must not stop writes, and two copies must have each record: the usual 3 and 2.
        "min.insync.replicas": str(max(1, replication_factor - 1)),
    }
    large = {**durable, "max.message.bytes": str(MAX_RECORD_BYTES)}
    kept = {"cleanup.policy": "delete", "retention.ms": _milliseconds(KEPT_FOR_AUDIT)}
    # A tick is of no use a minute later; segments roll quickly so that the disk sees the short retention.
    brief = {
        "cleanup.policy": "delete",
        "retention.ms": _milliseconds(timedelta(minutes=10)),
        "segment.ms": _milliseconds(timedelta(minutes=10)),
    }
    special = {
        Topic.ALERTS: {**durable, **kept, "max.message.bytes": str(MAX_ALERT_BYTES)},
        Topic.TICKS: {**durable, **brief},
    }
    named = [(topic_name(prefix, topic), special.get(topic, {**large, **kept})) for topic in Topic]
    changelogs = [(changelog_name(prefix, table), {**large, "cleanup.policy": "compact"}) for table in Table]
    return [TopicSpec(name, partitions, replication_factor, config) for name, config in named + changelogs]


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))
