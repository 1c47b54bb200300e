"""Sends a load, and lives through each of its alerts as the people do whom it concerns.

Whoever sends is Alertmanager: without a 2xx it sends again. Whoever acknowledges clicks again until told that it was
saved. What they were told is what the pipeline is held to.
"""

import asyncio
import itertools
import time

from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from config.settings import Settings
from faults.arrivals import Arrivals
from faults.plan import PER_SECOND, Kind, Plan
from faults.topics import write
from streams.topics import Topic


_TOLD_ACKNOWLEDGED = frozenset({"acknowledged", "already_acknowledged", "recorded"})

_AGAIN_SECONDS = 0.3
_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.05
_LINK_SECONDS = 1.0
_GROWS_AFTER_SECONDS = 3.0


@dataclass(slots=True)
class Story:
    """What happened to an alert, seen from outside."""

    plan: Plan
    accepted_at: float | None = None
    """Wall clock, as everything here."""
    answers: list[dict[str, Any]] = field(default_factory=list)
    refusals: int = 0
    """How often the sender had to send it again."""
    told: str | None = None
    """What whoever acknowledged was told."""
    page_may_come: bool = False
    """They were told so."""
    told_at: float | None = None
    resolved_at: float | None = None
    grown_at: float | None = None
    """When more alerts had come to it."""

    @property
    def may_sleep(self) -> bool:
        """Whether they were told that nobody is paged."""
        return self.told in _TOLD_ACKNOWLEDGED and not self.page_may_come


class Load:
    """A running load."""

    def __init__(self, http: httpx.AsyncClient, arrivals: Arrivals, plans: Iterator[Plan]) -> None:
        self._http = http
        self._arrivals = arrivals
        self._plans = plans
        self.stories: list[Story] = []

    async def run(self, fault: Awaitable[None], *, before: float, after: float, per_second: float = PER_SECOND) -> None:
        """Send alerts from `before` seconds before the fault until `after` seconds after it; return when all of them
        have been lived through and all deadlines have passed."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as lives:
            over = lives.create_task(_framed(fault, before, after))
            began = loop.time()
            for number in itertools.count(1):
                if over.done():
                    break
                lives.create_task(self.live(next(self._plans)))
                # By the clock: sleeping so long each time would send fewer.
                await asyncio.sleep(began + number / per_second - loop.time())
        await self.deadlines_passed()

    async def deadlines_passed(self) -> None:
        """Wait until nothing is ahead any more."""
        began = [(story.grown_at or story.accepted_at or 0, story.plan.wait_seconds) for story in self.stories]
        due = [at + wait for at, wait in began]
        await asyncio.sleep(max([0.0, *due]) - time.time())

    async def live(self, plan: Plan) -> Story:
        """Send one alert and do about it what is planned."""
        story = Story(plan)
        self.stories.append(story)
        await self.send(story)
        assert story.accepted_at
        if plan.kind is Kind.LATE:
            await self._until_paged(story)
            await self._acknowledge(story)
            return story
        await asyncio.sleep(story.accepted_at + plan.acts_after_seconds - time.time())
        if plan.kind in {Kind.ACKED, Kind.GROWN}:
            await self._acknowledge(story)
        elif plan.kind is Kind.RESOLVED:
            await self._post(story, {"status": "resolved", "title": plan.name})
            story.resolved_at = time.time()
        elif plan.kind is Kind.REPEATED:
            await self._post(story, plan.body)
            await asyncio.sleep(story.accepted_at + plan.wait_seconds + 1 - time.time())
            await self._post(story, plan.body)
        if plan.kind is Kind.GROWN:
            # Between an ACK and alerts of the same moment there is no order.
            await asyncio.sleep(_GROWS_AFTER_SECONDS)
            await self._post(story, plan.grown_body)
            story.grown_at = time.time()
        return story

    async def pour(self, settings: Settings, plans: Sequence[Plan]) -> None:
        """Write alerts about which nobody does anything straight to Kafka, as fast as it takes them."""
        await write(settings, [(Topic.ALERTS, None, plan.envelope) for plan in plans])
        self.stories += [Story(plan, accepted_at=time.time()) for plan in plans]

    async def send(self, story: Story) -> None:
        """Send an alert until it is accepted."""
        story.answers.append(await self._post(story, story.plan.body))
        story.accepted_at = time.time()

    async def _post(self, story: Story, body: dict[str, Any]) -> dict[str, Any]:
        while True:
            try:
                response = await self._http.post("/api/incidents", json=body, params=story.plan.parameters)
            except httpx.TransportError:
                response = None
            if response is not None and response.status_code == httpx.codes.CREATED:
                answer: dict[str, Any] = response.json()
                return answer
            if response is not None and response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                raise AssertionError(f"{story.plan.name} was answered {response.status_code}: {response.text}")
            story.refusals += 1
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _until_paged(self, story: Story) -> None:
        until = time.time() + _PATIENCE_SECONDS
        while not self._arrivals.pages(story.plan.name) and time.time() < until:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(_LOOK_SECONDS)

    async def _acknowledge(self, story: Story) -> None:
        link = await self._link(story)
        until = time.time() + _PATIENCE_SECONDS
        while time.time() < until:
            try:
                response = await self._http.get(link, headers={"X-Acknowledged-By": "Natsu"})
            except httpx.TransportError:
                response = None
            if response is not None and response.status_code == httpx.codes.OK:
                answer = response.json()
                story.told, story.told_at, story.page_may_come = answer["status"], time.time(), answer["page_may_come"]
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _link(self, story: Story) -> str:
        """The link that is clicked: in Slack, where the message is there by then, or as the sender was given it."""
        until = time.time() + (0 if story.plan.by_answer else _LINK_SECONDS)
        while time.time() < until:
            for message in self._arrivals.messages(story.plan.name):
                for link in message.links:
                    if "/api/incidents/ack/" in link:
                        return link
            await asyncio.sleep(_LOOK_SECONDS)
        return str(story.answers[-1]["ack_url"])


async def _framed(fault: Awaitable[None], before: float, after: float) -> None:
    await asyncio.sleep(before)
    await fault
    await asyncio.sleep(after)
