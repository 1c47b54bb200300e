"""What an entry of the incident log changes in the read model. Pure; the same entry always gives the same updates."""

from state.read_model import Alias, Closed, HeldOpen, Listed, Milestone, TimelineEntry, Update
from streams.records import Happening, LogEntry


_BEGINS = {Happening.OPENED, Happening.NOTED}
_HOLDS_OPEN = {Happening.OPENED, Happening.REPEATED, Happening.ALERTS_ADDED}
_MANY = {Happening.REPEATED, Happening.ALERTS_ADDED}
"""May happen any number of times, so they are no milestones."""
_HOUR_MS = 3_600_000


def project(entry: LogEntry) -> list[Update]:
    """The updates of one entry, in the order in which they must be written."""
    updates: list[Update] = []
    if entry.what not in _MANY:
        updates.append(Milestone(entry.incident_id, _milestone_name(entry), {**entry.detail, "at_ms": entry.at_ms}))
    updates.append(TimelineEntry(entry.incident_id, _identity(entry), _told(entry)))
    if entry.what in _BEGINS:
        updates.append(Listed(entry.incident_id, entry.at_ms))
    if entry.what in _HOLDS_OPEN:
        updates.append(HeldOpen(entry.source_key, entry.incident_id, entry.at_ms))
    if entry.what is Happening.RESOLVED:
        updates.append(Closed(entry.source_key, entry.incident_id))
    return updates + _aliases(entry)


def _milestone_name(entry: LogEntry) -> str:
    number = entry.detail.get("round")
    return f"{entry.what}:{number if isinstance(number, int) and number > 0 else 1}"


def _identity(entry: LogEntry) -> str:
    # A sender may repeat an alert without end; the first repeat of each hour is enough to see that it does.
    if entry.what is Happening.REPEATED:
        return f"{entry.what}:{entry.at_ms // _HOUR_MS}"
    cause = entry.cause
    return f"{entry.role}:{entry.what}:{cause.topic}:{cause.partition}:{cause.offset}"


def _told(entry: LogEntry) -> dict[str, object]:
    return {"at_ms": entry.at_ms, "role": entry.role, "what": entry.what, "detail": entry.detail}


def _aliases(entry: LogEntry) -> list[Update]:
    alias = entry.detail.get("alias")
    if isinstance(alias, str) and alias != entry.incident_id:
        return [Alias(alias, entry.incident_id, entry.at_ms)]
    return []
