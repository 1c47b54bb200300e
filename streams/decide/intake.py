"""The alert of a record of `alerts`, whoever wrote it: complete, with an id, a time that has come, and options that make sense."""

from collections.abc import Collection
from dataclasses import dataclass, field

from streams.codec import decode_alert
from streams.records import AlertEvent, Cause, Millis, read_options
from streams.records.identity import foreign_event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What the settings say about reading alerts."""

    secret: bytes = field(repr=False)
    key_names: Collection[str]
    max_wait_minutes: float


def complete_alert(value: bytes | None, place: Cause, written_ms: Millis, now_ms: Millis, intake: Intake) -> AlertEvent:
    """The alert of a record that lies at this place since `written_ms`.

    Raises:
        Unusable: it is no alert.
    """
    alert, given = decode_alert(value)
    options = read_options(given, key_names=intake.key_names, max_wait_minutes=intake.max_wait_minutes)
    return AlertEvent(
        payload=alert.payload,
        event_id=alert.event_id or foreign_event_id(intake.secret, place.topic, place.partition, place.offset),
        source=alert.source,
        # A sender whose clock runs ahead must not put its deadline off.
        received_ms=min(alert.received_ms or written_ms, now_ms),
        oncall_enable=options.oncall_enable,
        oncall_wait_minutes=options.oncall_wait_minutes,
        pagerduty_other_routing_key=options.pagerduty_other_routing_key,
        slack_channel_id=options.slack_channel_id,
        dedup_key=options.dedup_key,
        warnings=alert.warnings + options.warnings,
    )
