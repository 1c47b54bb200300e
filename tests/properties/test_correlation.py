"""Whatever a body holds and however often it is read: a decision, the same one, and records that can be written."""

from typing import Any

import msgspec

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.codec import encode
from streams.decide.correlation import Incident, Policy, Reason, correlate
from streams.records import AlertEvent, Cause, DelayCancelled, DelayScheduled


POLICY = Policy(secret=b"s" * 32, quiet_after_ms=100, oncall=True, can_page=True, wait_minutes=1)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
_ALERTS = st.lists(
    st.fixed_dictionaries({"status": st.sampled_from(["firing", "resolved"]), "fingerprint": st.sampled_from("abc")}),
    max_size=3,
)
_NOTIFICATIONS = st.fixed_dictionaries(
    {
        "version": st.just("4"),
        "groupKey": st.just("g"),
        "receiver": st.just("r"),
        "status": st.sampled_from(["firing", "resolved"]),
        "alerts": _ALERTS,
    }
)


@given(
    payload=st.dictionaries(
        st.sampled_from(["version", "groupKey", "alerts", "status", "commonLabels", "title", "truncatedAlerts"]), _JSON
    ),
    dedup_key=st.none() | st.text(max_size=5),
)
def test_any_json_object_is_decided_about(payload: dict[str, Any], dedup_key: str | None) -> None:
    """Nothing raises, every effect can be written, and the row can be stored and read back."""
    alert = AlertEvent(payload=payload, event_id="e", dedup_key=dedup_key)
    first = correlate(None, alert, Cause("alerts", 0, 0), POLICY)
    second = correlate(first.state, msgspec.structs.replace(alert, event_id="e2"), Cause("alerts", 0, 1), POLICY)

    for effect in first.effects + second.effects:
        encode(effect.record)
    if first.state is not None:
        assert first.state == msgspec.msgpack.decode(msgspec.msgpack.encode(first.state), type=Incident)


@settings(max_examples=300)
@given(history=st.lists(st.tuples(_NOTIFICATIONS, st.integers(0, 80)), min_size=1, max_size=8), data=st.data())
def test_reading_a_history_again_changes_nothing(
    history: list[tuple[dict[str, Any], int]], data: st.DataObject
) -> None:
    """A worker that died has committed less than it did: whatever it reads again, the row stays as it was, and an
    event that told somebody something tells the same again."""
    now, row, decisions, events = 0, None, [], []
    for offset, (payload, later) in enumerate(history):
        now += later
        events.append((AlertEvent(payload=payload, event_id=f"e{offset}", received_ms=now), Cause("alerts", 0, offset)))
        decisions.append(correlate(row, *events[-1], POLICY))
        row = decisions[-1].state if decisions[-1].reason is not Reason.NOTED else row
    for offset in range(data.draw(st.integers(0, len(events) - 1)), len(events)):
        again = correlate(row, *events[offset], POLICY)
        before = decisions[offset]

        if row is not None:
            assert row == again.state
        if before.reason not in {Reason.NOTED, Reason.REPEATED}:
            assert before.effects == again.effects


@settings(max_examples=300)
@given(history=st.lists(st.tuples(_NOTIFICATIONS, st.integers(0, 80)), min_size=1, max_size=8))
def test_every_incident_has_one_beginning_and_at_most_one_end(history: list[tuple[dict[str, Any], int]]) -> None:
    """One deadline for each incident that was opened, and no cancel for one that wasn't."""
    now, row, opened, cancelled = 0, None, [], []
    for offset, (payload, later) in enumerate(history):
        now += later
        alert = AlertEvent(payload=payload, event_id=f"e{offset}", received_ms=now)
        decision = correlate(row, alert, Cause("alerts", 0, offset), POLICY)
        row = decision.state if decision.reason is not Reason.NOTED else row
        records = [effect.record for effect in decision.effects]
        opened += [record.incident_id for record in records if isinstance(record, DelayScheduled)]
        cancelled += [record.incident_id for record in records if isinstance(record, DelayCancelled)]

    assert len(set(opened)) == len(opened)
    assert len(set(cancelled)) == len(cancelled)
    assert set(cancelled) <= set(opened)
