"""What has come to the sandbox, found by the names of the alerts that it is about."""

import re

from collections import defaultdict

from sandbox.pagerduty import Incident
from sandbox.server import Sandbox
from sandbox.slack import Message


_NAME = re.compile(r"[a-z0-9-]+-\d{5}\b")
NAMELESS = "(no name)"
"""What is about none of our alerts."""


class Arrivals:
    """Reads what is new each time that it is asked: many ask, and often."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._pages: defaultdict[str, list[Incident]] = defaultdict(list)
        self._messages: defaultdict[str, list[Message]] = defaultdict(list)
        self._seen_pages = self._seen_messages = 0

    def pages(self, name: str) -> list[Incident]:
        """The PagerDuty incidents of an alert; each has woken somebody once."""
        return self.all_pages().get(name, [])

    def all_pages(self) -> dict[str, list[Incident]]:
        """All of them, by the alert's name."""
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
        messages = self._sandbox.slack_messages
        for message in messages[self._seen_messages :]:
            self._messages[name_in(message.text)].append(message)
        self._seen_messages = len(messages)
        return self._messages


def name_in(text: str) -> str:
    """The name of the alert that a text is about."""
    found = _NAME.search(text)
    return found[0] if found else NAMELESS
