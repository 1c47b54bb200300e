"""The same problem has the same key, the same event the same ids, and nobody can guess them."""

import base64
import hashlib
import hmac

import pytest

from hypothesis import given
from hypothesis import strategies as st

from streams.records import AlertEvent
from streams.records.identity import (
    dedup_key,
    foreign_event_id,
    has_stable_identity,
    incident_id,
    source_key,
    source_key_of,
)


SECRET = b"s" * 32


def alertmanager(**changes: object) -> AlertEvent:
    body = {"version": "4", "receiver": "team", "groupKey": "{}:{a}", "status": "firing", "alerts": [], **changes}
    return AlertEvent(payload=body, event_id="e1")


def test_the_same_group_has_the_same_key_whatever_else_changes() -> None:
    """Status, alerts and event id change from one notification of a group to the next; its key does not."""
    first = alertmanager()
    second = AlertEvent(payload={**first.payload, "status": "resolved", "alerts": [{}]}, event_id="e2")

    assert source_key(first) == source_key(second)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(alertmanager(receiver="another"), id="receiver"),
        pytest.param(alertmanager(groupKey="{}:{b}"), id="groupKey"),
        pytest.param(AlertEvent(payload=alertmanager().payload, source="dc2"), id="source"),
        pytest.param(AlertEvent(payload=alertmanager().payload, dedup_key="{}:{a}"), id="dedup_key"),
    ],
)
def test_what_makes_problems_differ_makes_keys_differ(other: AlertEvent) -> None:
    """Each part of an identity counts."""
    assert source_key(alertmanager()) != source_key(other)


def test_without_an_identity_every_event_stands_for_itself() -> None:
    """Two events with the same body and nothing to tell their problem by are two problems."""
    first, second = AlertEvent(payload={"a": 1}, event_id="1"), AlertEvent(payload={"a": 1}, event_id="2")

    assert not has_stable_identity(first)
    assert source_key(first) != source_key(second)


@given(st.text(), st.text())
def test_ids_are_base_32_of_their_digests(name: str, event: str) -> None:
    """Of the first bytes, in lower case: what older versions have written into topics and links is found again."""
    digest = hashlib.sha256(
        b"".join(len(part).to_bytes(4, "big") + part for part in (b"dedup_key", b"", name.encode()))
    )
    mac = hmac.digest(
        SECRET, b"".join(len(part).to_bytes(4, "big") + part for part in (b"incident", b"k", event.encode())), "sha256"
    )

    alert = AlertEvent(payload={}, event_id=event, dedup_key=name, source="")
    assert base64.b32encode(digest.digest()).decode().lower()[:24] == source_key(alert)
    assert "k-" + base64.b32encode(mac).decode().lower()[:26] == incident_id(SECRET, "k", event)


def test_an_incident_id_carries_its_source_key() -> None:
    """So that an ACK finds its partition without a look-up."""
    key = source_key(alertmanager())

    assert source_key_of(incident_id(SECRET, key, "e1")) == key


def test_an_incident_id_follows_from_event_and_secret_alone() -> None:
    """Processed again it is the same; another event, or another deployment, has another one."""
    key = source_key(alertmanager())
    ids = [incident_id(SECRET, key, "e1"), incident_id(SECRET, key, "e2"), incident_id(b"t" * 32, key, "e1")]

    assert incident_id(SECRET, key, "e1") == ids[0]
    assert len(set(ids)) == 3


def test_an_incident_id_holds_128_bits_that_nobody_can_guess() -> None:
    """26 characters of base32 are 130 bits, of which 128 come from the HMAC."""
    _, _, random_part = incident_id(SECRET, "k" * 24, "e1").partition("-")

    assert len(random_part) * 5 >= 128


@pytest.mark.parametrize("text", ["", "x", "../../etc", "A" * 24 + "-" + "a" * 26, "a" * 24 + "-" + "a" * 27, "é" * 51])
def test_what_is_no_incident_id_carries_no_source_key(text: str) -> None:
    """Whatever stands in a URL can be asked about."""
    assert source_key_of(text) is None


def test_a_foreign_events_id_follows_from_its_place() -> None:
    """The same record processed again is the same event."""
    first = foreign_event_id(SECRET, "alerts", 1, 2)

    assert first == foreign_event_id(SECRET, "alerts", 1, 2)
    assert first != foreign_event_id(SECRET, "alerts", 1, 3)
    assert first != foreign_event_id(b"t" * 32, "alerts", 1, 2)


def test_every_round_has_a_dedup_key_of_its_own() -> None:
    """PagerDuty stays silent about a key whose incident is acknowledged."""
    assert (dedup_key("i", 1), dedup_key("i", 2)) == ("i", "i-r2")
