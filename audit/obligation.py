"""What is known of one round of an incident: what it owes, and everything that may have ended it."""

import msgspec

from streams.records import AckClaim


NOWHERE = -1


class Page(msgspec.Struct, gc=False):
    """That it was paged."""

    trigger: int = NOWHERE
    """The offset of the first trigger; as all offsets here, in this partition of its topic."""
    at_ms: int = 0
    due_ms: int = 0
    routing_key_name: str | None = None
    triggers: int = 0
    escalated: int = NOWHERE
    """The incident log's entry."""
    escalated_due_ms: int = 0
    escalated_key_name: str | None = None
    receipt: int = NOWHERE
    """The incident log's entry that PagerDuty has taken a trigger."""
    receipt_ms: int = 0
    receipt_key_name: str | None = None
    fell_back: bool = False
    refused: int = NOWHERE
    least_due_ms: int = 0
    most_due_ms: int = 0
    """Of all triggers; those after the first are as a rule the first one, sent again."""
    least_lateness_ms: int = 0
    odd: int = NOWHERE
    """A trigger that says another deadline than the first one."""
    strays: tuple[int, ...] = ()
    """Triggers with another dedup key or through another key than the first one."""


class Clicked(msgspec.Struct, frozen=True, gc=False):
    """The first ACK that names this round."""

    offset: int
    at_ms: int
    timestamp_ms: int
    claim: AckClaim


class Obligation(msgspec.Struct, gc=False):
    """One round of one incident. The first round's has what is known of the incident as well."""

    incident_id: str
    round: int
    begun: int = NOWHERE
    """The incident log's entry that says that from now on a page is owed."""
    begun_ms: int = 0
    """When that was written."""
    due_ms: int = 0
    key_name: str | None = None
    opened: int = NOWHERE
    """The incident log's entry, of an incident with or without on-call."""
    scheduled: int = NOWHERE
    """The record of `delays` that has the deadline."""
    scheduled_ms: int = 0
    scheduled_due_ms: int = 0
    scheduled_key_name: str | None = None
    earliest_ms: int = 0
    """When alerts that were added, or a refusal by Slack, made it due at the earliest; 0: nothing did."""
    resolved: int = NOWHERE
    resolved_ms: int = 0
    cancel: int = NOWHERE
    """The record of `delays`."""
    acknowledged: int = NOWHERE
    acknowledged_by: int = NOWHERE
    """The record of `acks` that did it, where one did."""
    acknowledged_late: int = NOWHERE
    cancelled: int = NOWHERE
    decided_ms: int = 0
    """When the latest of its endings was written."""
    page: Page | None = None
    clicked: Clicked | None = None

    @property
    def is_paged(self) -> bool:
        """Whether there is a trigger."""
        return self.page is not None and self.page.trigger != NOWHERE

    @property
    def due(self) -> int:
        """When a page is owed at the latest."""
        return min(self.due_ms, self.earliest_ms) if self.earliest_ms else self.due_ms


class Added(msgspec.Struct, frozen=True, gc=False):
    """A record of `delays` that may begin a round, or make the deadline come nearer."""

    offset: int
    timestamp_ms: int
    due_ms: int
    key_name: str | None = None
    is_refusal: bool = False
