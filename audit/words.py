"""What happened to an incident, and why somebody was paged or nobody, in sentences. Pure."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from streams.decide.telling import Escalation, State
from streams.records import (
    Ack,
    DelayAlertsAdded,
    DelayCancelled,
    DelayExpedited,
    DelayRecord,
    DelayScheduled,
    Happening,
    LogEntry,
    PageReason,
)


_REASONS = {
    PageReason.DEADLINE_PASSED: "nobody had acknowledged it",
    PageReason.NO_WAIT: "its alert left no time to acknowledge",
    PageReason.SLACK_REJECTED: "Slack had refused its message, so nobody could acknowledge it",
}


def clock(at_ms: Any) -> str:
    """A time of day with its date, in UTC."""
    if not isinstance(at_ms, int):
        return "an unknown time"
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def length(ms: int) -> str:
    """A length of time: 250 ms, 3.2 s, 4 min 10 s, 2 h 5 min."""
    if abs(ms) < 1000:
        return f"{ms} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def entry_words(entry: LogEntry) -> str:
    """An entry of the incident log as a sentence."""
    return _ENTRIES[entry.what](entry.detail)


def input_words(record: DelayRecord | Ack, before: Escalation | None, after: Escalation | None) -> tuple[str, str]:
    """A deadline or an ACK of which the incident log does not speak: a word, and a sentence that says why."""
    match record:
        case DelayScheduled(due_ms=due, routing_key_name=key):
            return "deadline", f"A page is due at {clock(due)} through {_key(key)}, unless somebody acknowledges"
        case DelayAlertsAdded() if after and after.state is State.PENDING:
            return (
                "shared_deadline",
                f"The added alerts share the deadline of round {after.round}, due at {clock(after.due_ms)}",
            )
        case DelayAlertsAdded():
            return "no_new_round", "The added alerts begin no round"
        case DelayCancelled():
            return "nothing_pending", f"It is resolved; no deadline was pending{_state(before)}"
        case DelayExpedited(reason=reason):
            return "refused", f"Slack has refused its message ({reason}); no deadline was pending{_state(before)}"
        case Ack(by=by, via=via):
            return "ack", f"{by} acknowledges ({via}){_no_effect(before)}"


def verdict(row: Escalation | None, opened: LogEntry | None, entries: Sequence[LogEntry]) -> str:
    """Why somebody was paged, or nobody, in one sentence for each round that was paged, or for the latest."""
    pages = {entry.detail.get("round", 1): entry for entry in entries if entry.what is Happening.ESCALATED}
    if pages:
        return "; ".join(_paged(number, entry, entries) for number, entry in sorted(pages.items()))
    acks = [entry for entry in entries if entry.what is Happening.ACKNOWLEDGED]
    if acks:
        return f"Nobody was paged: {acks[-1].detail.get('by', 'somebody')} acknowledged in time, at {clock(acks[-1].at_ms)}"
    if opened is None:
        return "Its beginning was not read, so nobody can say why"
    if row is None or row.state is State.AWAITED:
        if opened.what is Happening.NOTED:
            return "Nobody was paged: it was resolved, and nothing was open"
        return "Nobody was paged: on-call was off for its alerts"
    if row.state is State.RESOLVED:
        return "Nobody was paged: it was resolved before its deadline"
    return f"Nobody was paged yet: it is due at {clock(row.due_ms)}"


def _paged(number: Any, entry: LogEntry, entries: Sequence[LogEntry]) -> str:
    receipts = [
        each
        for each in entries
        if each.what is Happening.PAGERDUTY_DELIVERED
        and each.detail.get("action") == "trigger"
        and each.detail.get("round", 1) == number
    ]
    taken = f"PagerDuty took it at {clock(receipts[0].at_ms)}" if receipts else "PagerDuty has not taken it"
    why = _REASONS.get(entry.detail.get("reason", ""), "nobody had acknowledged it")
    which = f" (round {number})" if number != 1 else ""
    return f"Paged at {clock(entry.at_ms)}{which}, since {why}; {taken}"


def _state(row: Escalation | None) -> str:
    if row is None:
        return ""
    return f", since it was {row.state}"


def _no_effect(before: Escalation | None) -> str:
    if before is None:
        return ", before its deadline was known"
    if before.acknowledgement is not None:
        return f", and changes nothing: {before.acknowledgement.by} was first"
    return f", when it was {before.state}"


def _key(name: Any) -> str:
    return f"the key {name}" if name else "the default key"


def _late(detail: dict[str, Any]) -> str:
    lateness = detail.get("lateness_ms")
    return f", {length(lateness)} after it was due" if isinstance(lateness, int) else ""


def _opened(detail: dict[str, Any]) -> str:
    opened = f"Opened by {_alerts(detail['alerts'])}" if detail.get("alerts") else "Opened"
    if not detail.get("oncall"):
        return f"{opened}; on-call is off, so nobody will be paged"
    due, key = clock(detail.get("due_ms")), _key(detail.get("routing_key_name"))
    return f"{opened}; to be paged at {due} through {key}"


def _alerts(count: Any) -> str:
    return "one alert" if count == 1 else f"{count} alerts"


def _added(detail: dict[str, Any]) -> str:
    added = detail.get("added", [])
    return f"Added: {_alerts(len(added)) if isinstance(added, list) else 'alerts'}"


def _escalated(detail: dict[str, Any]) -> str:
    why = _REASONS.get(detail.get("reason", ""), "nobody had acknowledged it")
    return f"Paged through {_key(detail.get('routing_key_name'))} since {why}{_late(detail)}"


def _taken(detail: dict[str, Any]) -> str:
    fallback = ", instead of its own, which was refused" if detail.get("fallback") else ""
    return f"PagerDuty has taken the {detail.get('action', 'event')} through {_key(detail.get('routing_key_name'))}{fallback}{_late(detail)}"


_ENTRIES: dict[Happening, Callable[[dict[str, Any]], str]] = {
    Happening.OPENED: _opened,
    Happening.REPEATED: lambda _: "Nothing new in it; that changes nothing",
    Happening.ALERTS_ADDED: _added,
    Happening.RESOLVED: lambda _: "Resolved by its sender",
    Happening.NOTED: lambda _: "Resolved by its sender, and nothing was open",
    Happening.SCHEDULED: lambda detail: f"On-call from now on; a page is due at {clock(detail.get('due_ms'))}",
    Happening.ROUND_BEGUN: lambda detail: f"Round {detail.get('round')} begins: a page is due at {clock(detail.get('due_ms'))}",
    Happening.EXPEDITED: lambda detail: f"Due at once, since Slack has refused its message ({detail.get('reason')})",
    Happening.ACKNOWLEDGED: lambda detail: f"Acknowledged by {detail.get('by')} ({detail.get('via')}): nobody is paged",
    Happening.ACKNOWLEDGED_LATE: lambda detail: f"Acknowledged by {detail.get('by')} after the page; PagerDuty is told",
    Happening.ESCALATED: _escalated,
    Happening.CANCELLED: lambda _: "The deadline ends with the problem: nobody is paged",
    Happening.SLACK_DELIVERED: lambda detail: f"Slack has taken the {detail.get('kind', 'message')}",
    Happening.SLACK_REJECTED: lambda detail: f"Slack has refused the {detail.get('kind', 'message')}: {detail.get('detail', '')}",
    Happening.PAGERDUTY_DELIVERED: _taken,
    Happening.PAGERDUTY_REJECTED: lambda detail: f"PagerDuty has refused it: {detail.get('detail', '')}",
}  # fmt: skip
