"""What two setups make of the same incident, and how they differ: page by page, and where it is told. Pure.

The n-th time that somebody is woken for the same alerts is compared with the n-th time under the other setup. A page that is
not the same in every future of an incident is unknown, and is a difference only where the other side's is not just as unknown.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import zip_longest

import msgspec

from audit.what_if.futures import Outcome, Page
from audit.what_if.simulate import About, Simulated
from audit.words import clock
from streams.decide.telling import State


class Kind(StrEnum):
    """In which way the new settings are different. `MEANINGS` says it in words."""

    FEWER = "fewer"
    MORE = "more"
    LATER = "later"
    EARLIER = "earlier"
    OTHER_KEY = "other_key"
    UNKNOWN = "unknown"
    NOT_TOLD = "not_told"
    NEWLY_TOLD = "newly_told"
    OTHER_CHANNEL = "other_channel"


MEANINGS = {
    Kind.FEWER: "pages that would not be sent",
    Kind.MORE: "pages more",
    Kind.LATER: "pages later",
    Kind.EARLIER: "pages earlier",
    Kind.OTHER_KEY: "pages through another key",
    Kind.UNKNOWN: "pages of which nobody knows: they depend on what nobody was asked for",
    Kind.NOT_TOLD: "incidents that would have no message of their own in Slack",
    Kind.NEWLY_TOLD: "incidents that would have a message of their own in Slack",
    Kind.OTHER_CHANNEL: "incidents that would be told in another channel",
}


class Side(msgspec.Struct, frozen=True, order=True):
    """What happens under one of the two setups."""

    at_ms: int
    to: str
    """The name of the routing key, or the channel."""


class Change(msgspec.Struct, frozen=True):
    """One difference."""

    kind: Kind
    incident_id: str
    opened_ms: int
    number: int
    """Of the page, counted for the same alerts; 0: it is about the message in Slack."""
    before: Side | None
    after: Side | None
    """Of an unknown one: the page that is sent if nobody acknowledges."""
    because: str
    was_asked: bool
    """Whether people were asked to acknowledge it then. Where they were not, a page counts as sent all the same."""
    title: str
    severity: str
    is_critical: bool
    team: str


class View(msgspec.Struct, frozen=True, gc=False):
    """One incident under one setup."""

    incident: Simulated
    outcome: Outcome
    was_asked: bool = False

    @property
    def pages(self) -> tuple["Futures", ...]:
        """All that are sent, if only in some future."""
        return tuple(zip_longest(*(each.pages for each in self.outcome.futures)))


Futures = tuple[Page | None, ...]
"""What one page is in each of the futures; None: it is not sent."""
Sent = tuple[View, Futures]


def is_sure(page: Futures | None) -> bool:
    """Whether it is the same in all futures; one that is sent in none of them is."""
    return page is None or len(set(page)) == 1


def last_of(page: Futures) -> Page:
    """The page; of an unknown one the last that there is: as if nobody had done what is doubted."""
    return next(each for each in reversed(page) if each is not None)


class Group(msgspec.Struct, frozen=True, gc=False):
    """The same alerts under both. As a rule that is one incident on each side, but a setup may make one of two."""

    before: tuple[View, ...]
    after: tuple[View, ...]

    @property
    def views(self) -> tuple[View, ...]:
        """Both sides'."""
        return self.before + self.after

    def changes(self) -> Iterator[Change]:
        """All differences."""
        yield from self._told()
        both = zip_longest(pages_of(self.before), pages_of(self.after))
        for number, (before, after) in enumerate(both, start=1):
            yield from self._page(number, before, after)

    def _told(self) -> Iterator[Change]:
        before, after = ({each.incident.opened_by: each for each in side} for side in (self.before, self.after))
        for opened_by in sorted(before.keys() | after.keys()):
            mine, other = before.get(opened_by), after.get(opened_by)
            one, two = (view.incident.channel if view else None for view in (mine, other))
            if one != two:
                kind = Kind.OTHER_CHANNEL if one and two else Kind.NOT_TOLD if one else Kind.NEWLY_TOLD
                view = _earlier(mine, other)
                at_ms = view.incident.opened_ms
                yield self._change(kind, 0, view, Side(at_ms, one) if one else None, Side(at_ms, two) if two else None)

    def _page(self, number: int, before: Sent | None, after: Sent | None) -> Iterator[Change]:
        view = _earlier(before and before[0], after and after[0])
        mine, other = (each and _side(each[1]) for each in (before, after))
        pages = before and before[1], after and after[1]
        if not all(is_sure(page) for page in pages):
            if pages[0] != pages[1]:
                doubts = dict.fromkeys(doubt for each in self.views for doubt in each.outcome.doubts)
                yield self._change(Kind.UNKNOWN, number, view, mine, other, "; ".join(doubts))
        elif mine is None or other is None:
            kind, without = (Kind.FEWER, self.after) if mine else (Kind.MORE, self.before)
            yield self._change(kind, number, view, mine, other, _ending(view, without))
        else:
            if mine.at_ms != other.at_ms:
                kind = Kind.LATER if mine.at_ms < other.at_ms else Kind.EARLIER
                yield self._change(kind, number, view, mine, other)
            if mine.to != other.to:
                yield self._change(Kind.OTHER_KEY, number, view, mine, other)

    def _change(
        self, kind: Kind, number: int, view: View, before: Side | None, after: Side | None, because: str = ""
    ) -> Change:
        incident = view.incident
        same = [each.incident.is_critical for each in self.views if each.incident.opened_by == incident.opened_by]
        about: About = incident.about
        return Change(
            kind, incident.incident_id, incident.opened_ms, number, before, after, because, view.was_asked,
            about.title, about.severity, any(same), about.team,
        )  # fmt: skip


def pages_of(views: Iterable[View]) -> list[Sent]:
    """All that are sent for these incidents, in the order of time."""
    return sorted(((view, page) for view in views for page in view.pages), key=_time)


def _time(sent: Sent) -> tuple[int, int]:
    return last_of(sent[1]).at_ms, sent[0].incident.opened_by


def _earlier(one: View | None, other: View | None) -> View:
    """Of the two sides' incidents the one that was opened first: what is told of a difference is told of it."""
    return min((each for each in (one, other) if each is not None), key=lambda view: view.incident.opened_by)


def _side(page: Futures) -> Side:
    last = last_of(page)
    return Side(last.at_ms, last.key)


def _ending(view: View, others: Iterable[View]) -> str:
    """How it ends on the side where no page is sent (any more)."""
    same = [each for each in others if each.incident.opened_by == view.incident.opened_by]
    if not same:
        return "its alert opens no incident of its own"
    future = same[0].outcome.futures[0]
    match future.ended:
        case State.ACKNOWLEDGED:
            return f"acknowledged by {future.by} at {clock(future.ended_ms)}"
        case State.RESOLVED:
            return f"resolved at {clock(future.ended_ms)}"
        case State.PAGED:
            return "the alerts that were added to it begin no round"
    return "nobody is on call for it"
