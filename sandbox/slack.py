"""The stand-in Slack workspace: which calls it takes, and the messages that it then holds. No I/O, no clock.

A call is answered as Slack answers it: a JSON object with `ok`, and the error's name where it is false. The checks are
in Slack's order of things: who calls, what was sent, where to, and only then whether the content is acceptable.
"""

import json
import re

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from sandbox import KEPT, block_kit


TOKEN = "xoxb-sandbox"  # noqa: S105  # The stand-in's own token opens nothing.
MAX_UPDATE_TEXT = 4_000
MAX_POST_TEXT = 40_000
"""A longer post is cut, with a warning; a longer update (over 4,000) is refused."""
MAX_ATTACHMENTS = 100

Answer = dict[str, Any]
Arguments = Mapping[str, Any]
Method = Callable[[Arguments, int], Answer]

_LINK = re.compile(r"<(https?://[^|>\s]+)(?:\|[^>]*)?>")
_BOT = {"user": "U0SANDBOX", "bot_id": "B0SANDBOX", "app_id": "A0SANDBOX", "team": "T0SANDBOX"}


@dataclass(slots=True, kw_only=True)
class Message:
    """One message, as it is now."""

    channel: str
    ts: str
    text: str
    blocks: list[Any]
    thread_ts: str | None
    """The message that this one answers."""
    arguments: dict[str, Any]
    """Everything that the latest post or update sent along: `unfurl_links`, `metadata` and so on."""
    received_at_ms: int
    updated_at_ms: int | None = None
    earlier_texts: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    """What it said before each update, oldest first."""

    @property
    def links(self) -> list[str]:
        """Every address that a reader can click: buttons first, then links in texts, each once."""
        bodies = [self.text, *(text["text"] for text in block_kit.texts(self.blocks) if text["type"] == "mrkdwn")]
        in_texts = [unescape(url) for body in bodies for url in _LINK.findall(body)]
        return list(dict.fromkeys([*block_kit.button_urls(self.blocks), *in_texts]))


class SlackError(Exception):
    """Slack refuses; the argument is the name of its error."""

    def __init__(self, error: str, problems: Collection[str] = ()) -> None:
        super().__init__(error)
        self.error = error
        self.problems = list(problems)

    @property
    def answer(self) -> Answer:
        """What the caller is told."""
        answer: Answer = {"ok": False, "error": self.error}
        if self.problems:
            answer["errors"] = self.problems
            answer["response_metadata"] = {"messages": [f"[ERROR] {problem}" for problem in self.problems]}
        return answer


class Workspace:
    """One Slack workspace with one bot in it."""

    def __init__(self, *, token: str = TOKEN, channels: Collection[str] | None = None) -> None:
        self._token = token
        self._channels = channels
        self._messages: dict[tuple[str, str], Message] = {}
        self._latest_ts_us = 0
        self._methods = {"chat.postMessage": self._post, "chat.update": self._update, "auth.test": self._auth_test}

    @property
    def messages(self) -> list[Message]:
        """All of them, thread answers included, in the order in which they were posted."""
        return list(self._messages.values())

    def call(self, method: str, arguments: Arguments, token: str | None, now_ms: int) -> Answer:
        """Take one call of the Web API."""
        try:
            self._authenticate(token)
            return {"ok": True, **self._method(method)(_decoded(arguments), now_ms)}
        except SlackError as refusal:
            return refusal.answer

    def reset(self) -> None:
        """Forget every message."""
        self._messages.clear()

    def _method(self, name: str) -> Method:
        if name not in self._methods:
            raise SlackError("unknown_method")
        return self._methods[name]

    def _authenticate(self, token: str | None) -> None:
        if not token:
            raise SlackError("not_authed")
        if token != self._token:
            raise SlackError("invalid_auth")

    def _auth_test(self, _arguments: Arguments, _now_ms: int) -> Answer:
        return {"url": "https://sandbox.slack.com/", "team": "Sandbox", "user": "ackline", "team_id": _BOT["team"],
                "user_id": _BOT["user"], "bot_id": _BOT["bot_id"]}  # fmt: skip

    def _post(self, arguments: Arguments, now_ms: int) -> Answer:
        channel = self._known_channel(arguments)
        thread_ts = str(arguments.get("thread_ts") or "")
        if thread_ts and (channel, thread_ts) not in self._messages:
            raise SlackError("thread_not_found")
        text, blocks = _content(arguments)
        message = Message(channel=channel, ts=self._next_ts(now_ms), text=text[:MAX_POST_TEXT], blocks=blocks or [],
                          thread_ts=thread_ts or None, arguments=dict(arguments), received_at_ms=now_ms)  # fmt: skip
        self._keep(message)
        answer = {"channel": channel, "ts": message.ts, "message": _shown(message)}
        if len(text) > MAX_POST_TEXT:
            answer |= {"warning": "message_truncated", "response_metadata": {"warnings": ["message_truncated"]}}
        return answer

    def _update(self, arguments: Arguments, now_ms: int) -> Answer:
        channel = self._known_channel(arguments)
        message = self._messages.get((channel, str(_required(arguments, "ts"))))
        if message is None:
            raise SlackError("message_not_found")
        text, blocks = _content(arguments)
        if len(text) > MAX_UPDATE_TEXT:
            raise SlackError("msg_too_long")
        message.earlier_texts.append(message.text)
        # Slack keeps what an update does not mention, except that a new text without blocks takes the blocks' place.
        message.blocks = blocks if blocks is not None else ([] if text else message.blocks)
        message.text = text or message.text
        message.arguments = dict(arguments)
        message.updated_at_ms = now_ms
        return {"channel": channel, "ts": message.ts, "text": message.text, "message": _shown(message)}

    def _known_channel(self, arguments: Arguments) -> str:
        channel = _required(arguments, "channel")
        known = channel.startswith("C") if self._channels is None else channel in self._channels
        if not known:
            raise SlackError("channel_not_found")
        return channel

    def _next_ts(self, now_ms: int) -> str:
        """The time of a message, which is its name too: never the same twice."""
        self._latest_ts_us = max(now_ms * 1000, self._latest_ts_us + 1)
        return f"{self._latest_ts_us // 1_000_000}.{self._latest_ts_us % 1_000_000:06d}"

    def _keep(self, message: Message) -> None:
        self._messages[message.channel, message.ts] = message
        if len(self._messages) > KEPT:
            del self._messages[next(iter(self._messages))]


def _decoded(arguments: Arguments) -> Arguments:
    """Blocks and attachments as lists: a form can hold them only as JSON in a string, and Slack takes that anywhere."""
    decoded = dict(arguments)
    for name, error in (("blocks", "invalid_blocks_format"), ("attachments", "invalid_attachments")):
        if isinstance(decoded.get(name), str):
            try:
                decoded[name] = json.loads(decoded[name])
            except (ValueError, RecursionError):
                raise SlackError(error) from None
    return decoded


def _required(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise SlackError("invalid_arguments", [f"missing required field: {name}"])
    return value


def _content(arguments: Arguments) -> tuple[str, list[Any] | None]:
    """The text, and the blocks where any were given, when Slack would take both."""
    text, blocks, attachments = arguments.get("text") or "", arguments.get("blocks"), arguments.get("attachments")
    if not isinstance(text, str):
        raise SlackError("invalid_arguments", ["must be a string [json-pointer:/text]"])
    if not (text.strip() or blocks or attachments):
        raise SlackError("no_text")
    if not isinstance(attachments or [], list):
        raise SlackError("invalid_attachments")
    if len(attachments or []) > MAX_ATTACHMENTS:
        raise SlackError("too_many_attachments")
    if blocks is None:
        return text, None
    if problems := block_kit.problems(blocks):
        raise SlackError("invalid_blocks", problems)
    if block_kit.too_long_together(blocks):
        raise SlackError("msg_blocks_too_long")
    return text, blocks


def _shown(message: Message) -> Answer:
    shown: Answer = {"type": "message", "ts": message.ts, "text": message.text, "blocks": message.blocks, **_BOT}
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    if message.updated_at_ms:
        shown["edited"] = {"user": _BOT["user"], "ts": f"{message.updated_at_ms // 1000}.000000"}
    return shown
