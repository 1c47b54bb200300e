"""The demo's pipeline seen from outside: alerts go in, and what Slack and PagerDuty have got is looked at.

What comes otherwise than expected is `Unexpected`, which says both. That something does not come is believed only
well after its time, and when a page and a message that were asked for later have come.
"""

import asyncio

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from ackline.demo.alerts import WATCHDOG, Alert
from ackline.topic_access import write
from config.settings import Settings
from sandbox.pagerduty import Event
from sandbox.server import Sandbox
from sandbox.slack import Message
from sandbox.state import now_ms
from streams.topics import Topic, topic_name


PATIENCE_SECONDS = 20.0
"""How long something that must come is waited for."""

LATEST_MS = 2_000
"""How late a page may be. It is usually a few tenths of a second; a machine that runs a demo may be busy."""

WELL_AFTER_SECONDS = 1.0
"""How long after its time a page that must not come would surely have been decided: four ticks of the clock."""

ACK_PATH = "/api/incidents/ack/"

T = TypeVar("T")
Tell = Callable[[str], None]


class Unexpected(Exception):  # noqa: N818  # It says what it is.
    """Something else has come than what was expected."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; seen: {seen}")
        self.expected = expected
        self.seen = seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An alert that was sent."""

    alert: Alert
    at_ms: int
    due_ms: int
    """When PagerDuty is triggered if nobody acknowledges."""
    ack_url: str | None = None
    """As the answer has it."""


@dataclass(frozen=True, slots=True)
class World:
    """A running pipeline with stand-ins for Slack and PagerDuty."""

    sandbox: Sandbox
    settings: Settings
    http: httpx.AsyncClient
    tell: Tell
    """Is told what happens, for people to read."""
    logs: Sequence[Path] = ()
    """The directories with everything that any process has logged."""

    def topic(self, topic: Topic) -> str:
        """A topic's name on the broker."""
        return topic_name(self.settings.kafka.topic_prefix, topic)

    async def fire(self, alert: Alert, status: str = "firing", **parameters: str) -> Sent:
        """Send an alert by HTTP, as Alertmanager does."""
        if alert.channel:
            parameters["slack_channel_id"] = alert.channel
        url = f"/api/incidents?{urlencode(parameters)}".rstrip("?")
        sent = self._sent(alert, float(parameters.get("oncall_wait_minutes", self.settings.oncall.wait_minutes)))
        self.tell(f"→ POST {url}   {alert.alertname} on {alert.instance}, {status}")
        answer = await self.http.post(url, json=alert.body(status))
        expect(answer.status_code == httpx.codes.CREATED, "201 for the alert", f"{answer.status_code} {answer.text}")
        return replace(sent, ack_url=answer.json()["ack_url"])

    async def write(self, alert: Alert) -> Sent:
        """Send an alert past HTTP, as other producers do: a record without a key in the topic of alerts."""
        topic = self.topic(Topic.ALERTS)
        sent = self._sent(alert, self.settings.oncall.wait_minutes)
        self.tell(f"→ a record in {topic}   {alert.alertname} on {alert.instance}, firing")
        record = {"payload": alert.body(), "slack_channel_id": alert.channel}
        await write(self.settings.kafka, topic, msgspec.json.encode(record))
        return sent

    async def told(self, sent: Sent) -> str:
        """See that Slack has a message with all that belongs in it; its ACK link, or nothing where it has none."""
        alert = sent.alert
        channel = alert.channel or self.settings.alert.slack.channel_id
        message = (await self._until(lambda: self._messages(alert), f"a Slack message about {alert.instance}", sent))[0]
        expect(message.channel == channel, f"it in the channel {channel}", message.channel)
        for part in (alert.alertname, alert.instance, alert.description):
            expect(part in message.text, f"{part!r} in the message", repr(message.text))
        self.tell(f"← Slack, #{channel}, after {message.received_at_ms - sent.at_ms} ms: {_title(message)}")
        ack_link = next((link for link in message.links if ACK_PATH in link), "")
        if ack_link:
            self.tell(f"  ACK link: {ack_link}")
        return ack_link

    async def acknowledge(self, sent: Sent, ack_link: str) -> None:
        """Follow the ACK link of a message."""
        answer = (await self.http.get(ack_link, headers={"X-Acknowledged-By": "Natsu"})).json()
        self.tell(f"→ Natsu follows the ACK link: {answer['message']}")
        # "Recorded" is what somebody is told who is quicker than the read model; it is as good.
        expect(answer["status"] in {"acknowledged", "recorded"}, "that the ACK link acknowledges", str(answer))
        await self.updated(sent, "Acknowledged by Natsu")

    async def updated(self, sent: Sent, words: str) -> None:
        """See that the alert's message comes to hold these words."""
        await self._until(
            lambda: [message for message in self._messages(sent.alert) if words in message.text],
            f"{words!r} in the Slack message about {sent.alert.instance}",
            sent,
        )
        self.tell(f"← Slack updates the message: {words}")

    async def paged(self, sent: Sent, key: str = "default") -> int:
        """See that PagerDuty is triggered in time; by how many milliseconds it was late."""
        page = (await self._until(lambda: self._pages(sent.alert), "a PagerDuty trigger", sent))[0]
        late_ms = page.received_at_ms - sent.due_ms
        self.tell(f"← PagerDuty rings ({page.key_name} key), {late_ms} ms after its time: {page.payload['summary']}")
        expect(page.key_name == key, f"a page through the {key} key", f"one through the {page.key_name} key")
        in_time = f"the page at its time, or at most {LATEST_MS} ms later"
        expect(0 <= late_ms <= LATEST_MS, in_time, f"it came {late_ms} ms after it")
        return late_ms

    async def once(self, sent: Sent) -> None:
        """See that a message and a page were the only ones."""
        await self._settled(sent)
        messages, pages = self._messages(sent.alert), self._pages(sent.alert)
        expect(len(messages) == 1, "one Slack message", f"{len(messages)} of them")
        expect(len(pages) == 1, "one PagerDuty trigger", f"{len(pages)} of them")
        self.tell("✓ one message, one page")

    async def unpaged(self, sent: Sent) -> None:
        """See that PagerDuty does not hear of an alert."""
        await self._settled(sent)
        events = [f"{event.event_action} through the {event.key_name} key" for event in self._events(sent)]
        expect(not events, "that PagerDuty hears nothing", ", ".join(events))
        self.tell("✓ PagerDuty has not heard of this alert")

    async def watchdog(self, channel: str | None = None) -> None:
        """Send an alert that pages at once, and wait until both Slack and PagerDuty have it."""
        unheard = replace(self, tell=lambda _line: None)
        sent = await unheard.fire(replace(WATCHDOG.anew(), channel=channel), oncall_wait_minutes="0")
        await self._until(lambda: self._messages(sent.alert), "the Slack message of a later alert", sent)
        await self._until(lambda: self._pages(sent.alert), "the page of a later alert", sent)

    async def _settled(self, sent: Sent) -> None:
        """Wait until what has not come will not come."""
        self.tell("… until well after its time, and until a later alert has come through")
        await asyncio.sleep(max(0.0, (sent.due_ms - now_ms()) / 1000) + WELL_AFTER_SECONDS)
        await self.watchdog(sent.alert.channel)

    async def _until(self, condition: Callable[[], T], expected: str, sent: Sent) -> T:
        try:
            return await self.sandbox.wait_for(condition, PATIENCE_SECONDS)
        except TimeoutError:
            raise Unexpected(f"{expected} within {PATIENCE_SECONDS:g} s", self._seen(sent)) from None

    def _sent(self, alert: Alert, wait_minutes: float) -> Sent:
        at_ms = now_ms()
        return Sent(alert=alert, at_ms=at_ms, due_ms=at_ms + round(wait_minutes * 60_000))

    def _messages(self, alert: Alert) -> list[Message]:
        return [message for message in self.sandbox.slack_messages if alert.instance in message.text]

    def _pages(self, alert: Alert) -> list[Event]:
        events = self.sandbox.pagerduty_events
        return [event for event in events if event.payload.get("source") == alert.instance]

    def _events(self, sent: Sent) -> list[Event]:
        """Whatever PagerDuty was told about an alert, by what it says or by its incident's id."""
        incident_id = (sent.ack_url or "").partition(ACK_PATH)[2]
        pages = self._pages(sent.alert)
        others = [event for event in self.sandbox.pagerduty_events if event not in pages]
        return pages + [event for event in others if incident_id and event.dedup_key.startswith(incident_id)]

    def _seen(self, sent: Sent) -> str:
        """All that has come about an alert, and what the stand-ins have refused of late."""
        calls = [*self.sandbox.slack.calls, *self.sandbox.pagerduty.calls]
        seen = [f"Slack has {_title(message)!r}" for message in self._messages(sent.alert)]
        seen += [f"PagerDuty has heard {event.event_action}" for event in self._events(sent)]
        seen += [f"{call.method} was answered: {call.outcome}" for call in calls if call.outcome != "ok"][-3:]
        return "; ".join(seen) or "nothing"


def expect(is_so: bool, expected: str, seen: str) -> None:
    """Say what was expected and what was seen, where it is not so."""
    if not is_so:
        raise Unexpected(expected, seen)


def _title(message: Message) -> str:
    """The line that the template begins with; what has happened since may stand before it."""
    lines = [line for line in message.text.splitlines() if line.strip()]
    return next((line for line in lines if "Alert:" in line), lines[0]).replace("*", "")
