"""What has come to the sandbox, found by the names of the alerts that it is about."""

import re
import time

from collections import defaultdict

from sandbox.pagerduty import Incident
from sandbox.server import Sandbox
from sandbox.slack import Message


_NAME = re.compile(r"[a-z0-9-]+-\d{5}\b")
NAMELESS = "(no name)"
"""What is about none of our alerts."""


_LOOK_SECONDS = 0.02


class Arrivals:
    """Reads what is new when it is asked, and not for each who asks: many do, and often, and each look costs."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._pages: defaultdict[str, list[Incident]] = defaultdict(list)
        self._messages: defaultdict[str, list[Message]] = defaultdict(list)
        self._seen_pages = self._seen_messages = 0
        self._looked: dict[str, float] = {}

    def pages(self, name: str) -> list[Incident]:
        """The PagerDuty incidents of an alert; each has woken somebody once."""
        return self.all_pages().get(name, [])

    def all_pages(self) -> dict[str, list[Incident]]:
        """All of them, by the alert's name."""
        if self._has_just_looked("pages"):
            return self._pages
        incidents = self._sandbox.pagerduty_incidents
        for incident in incidents[self._seen_pages :]:
            self._pages[name_in(incident.summary)].append(incident)
        self._seen_pages = len(incidents)
        return self._pages

    def messages(self, name: str) -> list[Message]:
        """The Slack messages about an alert."""
        return self.all_messages().get(name, [])

    def all_messages(self) -> dict[str, list[Message]]:
        """All of them, by the alert's name."""
        if self._has_just_looked("messages"):
            return self._messages
        messages = self._sandbox.slack_messages
        for message in messages[self._seen_messages :]:
            self._messages[name_in(message.text)].append(message)
        self._seen_messages = len(messages)
        return self._messages

    def _has_just_looked(self, for_what: str) -> bool:
        now = time.monotonic()
        if now - self._looked.get(for_what, 0) < _LOOK_SECONDS:
            return True
        self._looked[for_what] = now
        return False


def name_in(text: str) -> str:
    """The name of the alert that a text is about."""
    found = _NAME.search(text)
    return found[0] if found else NAMELESS
