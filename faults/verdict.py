"""What became of each alert against what had to: pure counting, and the rules of what counts as what."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from faults.arrivals import NAMELESS, Arrivals
from faults.load import Story
from faults.plan import Kind
from faults.topics import Ledger
from sandbox.pagerduty import Incident, Status


SECOND_ROUND = "-r2"
"""How a dedup key ends by which PagerDuty knows a second round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a fault excuses."""

    told: bool = True
    """Every accepted alert is in Slack."""
    dead_letters: int | None = 0
    """How many there are; None: any number."""
    latest_seconds: float | None = None
    """How late a page may be at most."""
    on_time: frozenset[str] = frozenset()
    """Keys whose pages have nothing to do with the fault, and are at most this late:"""
    on_time_seconds: float = 5.0
    early_seconds: float = 1.0
    """How much before its deadline a page may come at most."""
    audited: bool = True
    """The pipeline's own records prove it."""
    refused: bool = False
    """Senders are told to send again, some time."""
    sent_by_hand: bool = False
    """Pages were sent again from dead letters, and some of what they are about was over by then."""
    opened_again: bool = False
    """A trigger may come again after PagerDuty was told that it is over, and then opens another incident."""
    unclaimed: Mapping[str, int] = field(default_factory=dict)
    """When pages were decided (milliseconds) that nobody could claim, since Redis was away, by their dedup keys. An ACK that
    comes after may win the claim: whoever gave it was paged before."""
    falls_back: frozenset[str] = frozenset()
    """Keys in whose stead the default key may be used."""


@dataclass(slots=True, kw_only=True)
class Result:
    """A row of the table."""

    fault: str
    seed: int
    rounds: int
    accepted: int = 0
    refused: int = 0
    """How often a sender was told to send again."""
    paged: int = 0
    told_acknowledged: int = 0
    """How often somebody was told that nobody is paged."""
    lost: list[str] = field(default_factory=list)
    """To be paged, and not paged."""
    wrong: list[str] = field(default_factory=list)
    """Told "acknowledged" and paged all the same; paged with on-call off; paged through another key."""
    told_after_page: list[str] = field(default_factory=list)
    """Told "acknowledged" after a page that nobody could claim (`Expected.unclaimed`). Nobody was woken after being told."""
    unexpected: list[str] = field(default_factory=list)
    duplicates: int = 0
    """Triggers that PagerDuty knew already, and woke nobody for."""
    told_twice: int = 0
    """Messages that Slack has a second time."""
    worst_lateness_ms: int = 0
    seconds: float = 0
    logs: str = ""

    @property
    def has_passed(self) -> bool:
        """Whether all is as promised."""
        return not (self.lost or self.wrong or self.unexpected)

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        return {**asdict(self), "passed": self.has_passed}


def count(result: Result, stories: Sequence[Story], arrivals: Arrivals, ledger: Ledger, expected: Expected) -> None:
    """Fill in a result."""
    result.accepted = sum(story.accepted_at is not None for story in stories)
    result.refused = sum(story.refusals for story in stories)
    for story in stories:
        pages = arrivals.pages(story.plan.name)
        _count_pages(result, story, pages, expected)
        _count_messages(result, story, arrivals, expected)
        for kind, words in _judged(story, pages, expected):
            getattr(result, kind).append(f"{_named(story, ledger)}: {words}")
    _count_strangers(result, stories, arrivals)
    result.unexpected += [f"{each}: the ledger has it paged and acknowledged" for each in ledger.decided_twice()]
    result.unexpected += [f"{each}: the reconciler had to page it" for each in ledger.reconciled]
    if expected.refused and not result.refused:
        result.unexpected.append("no sender was told to send again")
    dead = len(ledger.dead_letters)
    if expected.dead_letters not in {None, dead}:
        result.unexpected.append(f"{dead} dead letters instead of {expected.dead_letters}")
    if expected.latest_seconds is not None and result.worst_lateness_ms > expected.latest_seconds * 1000:
        result.unexpected.append(f"a page was {result.worst_lateness_ms / 1000:.1f} s late")


def _count_pages(result: Result, story: Story, pages: Sequence[Incident], expected: Expected) -> None:
    result.paged += bool(pages)
    result.told_acknowledged += story.may_sleep
    result.duplicates += sum(page.triggers - 1 for page in pages)
    late = max([0, *(page.lateness_ms or 0 for page in pages)])
    result.worst_lateness_ms = max(result.worst_lateness_ms, late)
    early = max([0, *(-(page.lateness_ms or 0) for page in pages)])
    if early > expected.early_seconds * 1000:
        result.unexpected.append(f"{story.plan.name}: paged {early / 1000:.1f} s before it was due")
    if story.plan.key in expected.on_time and late > expected.on_time_seconds * 1000:
        result.unexpected.append(f"{story.plan.name}: {late / 1000:.1f} s late, and its key was in no trouble")


def _count_messages(result: Result, story: Story, arrivals: Arrivals, expected: Expected) -> None:
    messages = [each for each in arrivals.messages(story.plan.name) if not each.thread_ts]
    result.told_twice += max(0, len(messages) - 1)
    if expected.told and not messages:
        result.unexpected.append(f"{story.plan.name}: is not in Slack")
    if any(each.channel != story.plan.channel for each in messages):
        result.unexpected.append(f"{story.plan.name}: is in another channel than {story.plan.channel}")


def _judged(story: Story, pages: Sequence[Incident], expected: Expected) -> list[tuple[str, str]]:
    """What is wrong with what became of an alert, and which kind of wrong it is."""
    plan, found = story.plan, []
    keys = {plan.key, "default"} if plan.key in expected.falls_back else {plan.key}
    if any(page.key_name not in keys for page in pages):
        found.append(("wrong", f"paged through {[page.key_name for page in pages]} instead of {plan.key}"))
    if plan.kind is Kind.GROWN:
        # Its second round is paged as any other; of the first one they were told.
        pages = [page for page in pages if not page.dedup_key.endswith(SECOND_ROUND)]
    if len({page.dedup_key for page in pages} if expected.opened_again else pages) > 1:
        found.append(("unexpected", f"PagerDuty opened {len(pages)} incidents: {[page.dedup_key for page in pages]}"))
    if plan.kind is Kind.OFF:
        return [*found, *([("wrong", "paged although on-call is off")] if pages else [])]
    if story.resolved_at is not None:
        rings = any(page.status is not Status.RESOLVED for page in pages) and not expected.sent_by_hand
        return [*found, *([("unexpected", "resolved, and still open in PagerDuty")] if rings else [])]
    return [*found, *(_of_the_late(story, pages) if plan.kind is Kind.LATE else _of_the_rest(story, pages, expected))]


def _of_the_late(story: Story, pages: Sequence[Incident]) -> list[tuple[str, str]]:
    """Somebody waited for the page and then acknowledged."""
    if not pages:
        return [("lost", f"never paged ({story.plan.kind}, told {story.told})")]
    if any(page.status is Status.TRIGGERED for page in pages) and not story.page_may_come:
        return [("unexpected", f"told {story.told!r} after the page, and PagerDuty was not")]
    return []


def _of_the_rest(story: Story, pages: Sequence[Incident], expected: Expected) -> list[tuple[str, str]]:
    if story.may_sleep:
        return _after_being_told(story, pages, expected)
    if pages or story.page_may_come:
        return []
    return [("lost", f"never paged ({story.plan.kind}, told {story.told})")]


def _after_being_told(story: Story, pages: Sequence[Incident], expected: Expected) -> list[tuple[str, str]]:
    assert story.told_at is not None
    if not pages:
        return []
    seconds = pages[0].triggered_at_ms / 1000 - story.told_at
    due = (pages[0].lateness_ms or 0) / 1000
    decided_ms = expected.unclaimed.get(pages[0].dedup_key)
    kind = "told_after_page" if decided_ms is not None and decided_ms <= story.told_at * 1000 else "wrong"
    return [(kind, f"told {story.told!r} and paged {seconds:+.1f} s from then, {due:.1f} s after it was due")]


def _count_strangers(result: Result, stories: Sequence[Story], arrivals: Arrivals) -> None:
    """What has come about nothing that was sent."""
    known = {story.plan.name for story in stories}
    for what, arrived in (("page", arrivals.all_pages()), ("message", arrivals.all_messages())):
        for name in arrived.keys() - known:
            if name == NAMELESS or "-barrier-" not in name:
                result.unexpected.append(f"a {what} about nothing that was sent: {arrived[name][0]!r:.200}")


def _named(story: Story, ledger: Ledger) -> str:
    ids = sorted(ledger.incidents.get(story.plan.source_key, ()))
    return f"{story.plan.name} ({', '.join(ids) or 'unknown to the incident log'})"
