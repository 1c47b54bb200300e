"""The topics and their records as an AsyncAPI 3 document, generated from the types that the pipeline itself uses."""

from typing import Any

import msgspec

from streams.codec import record_types
from streams.topics import Topic


_SUMMARIES = {
    Topic.ALERTS: "Alerts. Other producers write here too, with any key; a bare Alertmanager webhook body is taken as well",
    Topic.SLACK_NOTIFICATIONS: "What to post, thread or update in Slack",
    Topic.DELAYS: "Deadlines: schedule, alerts added, cancel, expedite",
    Topic.ACKS: "Acknowledgements",
    Topic.TICKS: "The clock of the timer agent, one record for each owned partition and tick",
    Topic.PAGERDUTY_EVENTS: "What to tell PagerDuty; routing keys by name only",
    Topic.INCIDENT_LOG: "What happened to an incident, and which record caused it",
}


def document(prefix: str) -> dict[str, Any]:
    """The whole document. Dead letters have no schema: they are other people's bytes."""
    by_topic = {topic: record_types(topic) for topic in _SUMMARIES}
    every = [record for records in by_topic.values() for record in records]
    _, schemas = msgspec.json.schema_components(every, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ackline",
            "version": "1",
            "description": "JSON records on Kafka, keyed by source key. A record without `v` is of version 1.",
        },
        "defaultContentType": "application/json",
        "channels": {
            str(topic): {
                "address": f"{prefix}{topic}",
                "summary": _SUMMARIES[topic],
                "messages": {
                    record.__name__: {"$ref": f"#/components/messages/{record.__name__}"} for record in records
                },
            }
            for topic, records in by_topic.items()
        },
        "components": {
            "messages": {
                record.__name__: {"payload": {"$ref": f"#/components/schemas/{record.__name__}"}} for record in every
            },
            "schemas": schemas,
        },
    }


def text(prefix: str) -> str:
    """The document as it stands in `docs/asyncapi.json`."""
    return msgspec.json.format(msgspec.json.encode(document(prefix)), indent=2).decode() + "\n"
