"""What makes two records speak of the same problem, and one incident be told from another.

The same event always gives the same ids, and nobody without the deployment's secret can guess one: an incident id
is all that an ACK link needs.
"""

import hashlib
import hmac
import re

from typing import Any

from streams.records.alert import AlertEvent


_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(150, -1, -10)
_SOURCE_KEY_LENGTH = 24
_RANDOM_LENGTH = 26
_INCIDENT_ID = re.compile(rf"([a-z2-7]{{{_SOURCE_KEY_LENGTH}}})-([a-z2-7]{{{_RANDOM_LENGTH}}})")


def is_alertmanager(payload: dict[str, Any]) -> bool:
    """Whether this is an Alertmanager webhook body, version 4, as far as identity needs it."""
    return (
        payload.get("version") == "4"
        and isinstance(payload.get("groupKey"), str)
        and isinstance(payload.get("alerts"), list)
    )


def has_stable_identity(alert: AlertEvent) -> bool:
    """Whether a later event about the same problem can be recognised at all."""
    return alert.dedup_key is not None or is_alertmanager(alert.payload)


def source_key(alert: AlertEvent) -> str:
    """The Kafka key of every record about this problem: what the same problem always has.

    A `dedup_key` that the sender gave comes first, since it is the more deliberate statement; then Alertmanager's
    receiver and groupKey (which alone does not name the receiver); else the event stands for itself.
    """
    if alert.dedup_key is not None:
        parts = ["dedup_key", alert.source, alert.dedup_key]
    elif is_alertmanager(alert.payload):
        parts = ["alertmanager", alert.source, str(alert.payload.get("receiver", "")), alert.payload["groupKey"]]
    else:
        parts = ["event", alert.source, alert.event_id]
    return _text(hashlib.sha256(_joined(parts)).digest(), _SOURCE_KEY_LENGTH)


def incident_id(secret: bytes, key: str, opening_event_id: str) -> str:
    """The id of the incident that this event opens, should it open one: the source key and 128 bits of HMAC."""
    mac = hmac.digest(secret, _joined(["incident", key, opening_event_id]), hashlib.sha256)
    return f"{key}-{_text(mac, _RANDOM_LENGTH)}"


def foreign_event_id(secret: bytes, topic: str, partition: int, offset: int) -> str:
    """The id of an event that came without one: the same when its record is processed again."""
    place = ["event", topic, str(partition), str(offset)]
    return _text(hmac.digest(secret, _joined(place), hashlib.sha256), _RANDOM_LENGTH)


def source_key_of(incident: str) -> str | None:
    """The source key that an incident id carries, or None where the text is no incident id."""
    match = _INCIDENT_ID.fullmatch(incident)
    return match[1] if match else None


def dedup_key(incident: str, round_number: int) -> str:
    """PagerDuty's `dedup_key`: the incident, and the round from the second on.

    PagerDuty tells nobody about a trigger whose key belongs to an acknowledged incident, so a new round needs a new
    one; and never Alertmanager's groupKey, which outlives every incident.
    """
    return incident if round_number == 1 else f"{incident}-r{round_number}"


def _joined(parts: list[str]) -> bytes:
    # Lengths keep ("ab", "c") and ("a", "bc") apart.
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([len(part).to_bytes(4, "big") + part for part in encoded])


def _text(digest: bytes, length: int) -> str:
    # Base 32 in lower case, two characters at a time: the standard library's takes four times as long, and each alert
    # pays for it. Twenty bytes are 32 characters, more than any text here has.
    number = int.from_bytes(digest[:20], "big")
    return "".join([_PAIRS[number >> shift & 0x3FF] for shift in _SHIFTS[: length // 2]])
