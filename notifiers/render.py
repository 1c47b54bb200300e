"""Composes what Slack is asked to show: the template's or the built-in text, the ACK button, warnings and status.

Every message is within Slack's limits, has a `text` for notifications and screen readers, and is made of the record
alone, so that a replay shows the same. Only an alert that somebody is on call for has an ACK link, and it is ours:
a payload's own `AckURL` would let any sender put a link of theirs behind our button.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from notifiers import payload as read
from notifiers.builtin import alert_lines, built_in_message, escaped, headline, shortened
from notifiers.template import Template, TemplateFailed
from streams.records import AckLinks, IncidentStatus, Millis, SlackNotification, SlackPost, SlackThread, SlackUpdate


SECTION_CHARACTERS: Final = 3_000
"""https://docs.slack.dev/reference/block-kit/blocks/section-block"""

BODY_CHARACTERS: Final = 9_000
"""Slack refuses blocks of about 13,200 characters in all (msg_blocks_too_long, undocumented)."""

TEXT_CHARACTERS: Final = 3_900
"""chat.update refuses a text of more than 4,000 (msg_too_long)."""

PLAIN_CHARACTERS: Final = 1_500
SHOWN_WARNINGS: Final = 5
WARNING_CHARACTERS: Final = 400


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """What `chat.postMessage` and `chat.update` take. Without blocks the text is the message."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()


class _Reports(Protocol):
    def __call__(self, name: str, problem: str) -> None: ...


class Renderer:
    """Messages of one deployment."""

    def __init__(self, template: Template | None, links: AckLinks, on_template_failed: _Reports) -> None:
        """Without a template every message is the built-in one. `on_template_failed` hears of each failure."""
        self._template = template
        self._links = links
        self._on_template_failed = on_template_failed

    async def post(self, record: SlackPost) -> SlackMessage:
        """A new message."""
        ack_url = self._ack_url(record, wanted=record.oncall)
        body, problems = await self._body(record.payload, ack_url)
        notes = [_deadline_note(record)] if record.oncall and record.due_ms is not None else []
        return _message(body, ack_url=ack_url, notes=[*notes, *_warnings([*record.warnings, *problems])])

    async def update(self, record: SlackUpdate, status_lines: Sequence[str]) -> SlackMessage:
        """The message again, with what has happened since. After a page an ACK still tells PagerDuty."""
        ack_url = self._ack_url(record, wanted=record.status is IncidentStatus.ESCALATED)
        body, problems = await self._body(record.payload, ack_url)
        return _message(
            body, ack_url=ack_url, status_lines=status_lines, notes=_warnings([*record.warnings, *problems])
        )

    def thread(self, record: SlackThread) -> SlackMessage:
        """Alerts that were added to an incident."""
        ack_url = self._ack_url(record, wanted=record.oncall)
        new = [alert for alert in read.alerts(record.payload) if alert.get("fingerprint") in record.added]
        count = len(record.added)
        lines = [f"➕ {count} new {'alert' if count == 1 else 'alerts'} in this incident", *alert_lines(new)]
        if ack_url:
            lines.append(f"<{ack_url}|Click here to acknowledge>")
        return _message("\n".join(lines), ack_url=ack_url, notes=_warnings(record.warnings))

    def plain(self, record: SlackNotification, status_lines: Sequence[str] = ()) -> SlackMessage:
        """The same in so few and plain words that no rule about content can be in its way."""
        wanted = record.oncall if isinstance(record, SlackPost | SlackThread) else _is_escalated(record)
        ack_url = self._ack_url(record, wanted=wanted)
        lines = [shortened(headline(record.payload), PLAIN_CHARACTERS), *status_lines]
        return SlackMessage("\n".join([*lines, f"Acknowledge: {ack_url}"] if ack_url else lines))

    def _ack_url(self, record: SlackNotification, *, wanted: bool) -> str:
        return self._links.link(record.incident_id, record.at_ms) if wanted else ""

    async def _body(self, payload: dict[str, Any], ack_url: str) -> tuple[str, list[str]]:
        """The text, and what is to be said about the template."""
        if self._template is None:
            return built_in_message(payload, ack_url), []
        try:
            return await self._template.render({**payload, "AckURL": ack_url}), []
        except TemplateFailed as problem:
            self._on_template_failed(self._template.name, str(problem))
            return built_in_message(payload, ack_url), [f"The built-in message is shown, since the template {problem}"]


def status_line(record: SlackUpdate) -> str:
    """What happened, in one line."""
    at = slack_time(record.at_ms)
    if record.status is IncidentStatus.ACKNOWLEDGED:
        return f"✅ Acknowledged by {escaped(shortened(record.by or 'somebody', 100))} at {at}"
    if record.status is IncidentStatus.ESCALATED:
        return f"📟 Escalated to PagerDuty ({escaped(record.routing_key_name or 'default')} key) at {at}"
    return f"✅ Resolved at {at}"


def slack_time(at_ms: Millis) -> str:
    """A time that Slack shows in each reader's own zone, and in UTC where it cannot."""
    plain = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"<!date^{at_ms // 1000}^{{date_short_pretty}} {{time_secs}}|{plain}>"


def _is_escalated(record: SlackNotification) -> bool:
    return isinstance(record, SlackUpdate) and record.status is IncidentStatus.ESCALATED


def _deadline_note(record: SlackPost) -> str:
    assert record.due_ms is not None
    if record.due_ms <= record.at_ms:
        return "📟 PagerDuty is triggered at once"
    return f"📟 PagerDuty is triggered at {slack_time(record.due_ms)} unless somebody acknowledges"


def _warnings(warnings: Sequence[str]) -> list[str]:
    shown = [f"⚠️ {escaped(shortened(warning, WARNING_CHARACTERS))}" for warning in warnings[:SHOWN_WARNINGS]]
    more = len(warnings) - SHOWN_WARNINGS
    return [*shown, f"… and {more} more warnings"] if more > 0 else shown


def _message(body: str, *, ack_url: str, status_lines: Sequence[str] = (), notes: Sequence[str] = ()) -> SlackMessage:
    blocks = [_section(part) for part in _sections(_cut(body, BODY_CHARACTERS))]
    if status_lines:
        blocks.append(_section("\n".join(status_lines)))
    if ack_url:
        blocks.append(_button(ack_url))
    if notes:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": note} for note in notes]})
    return SlackMessage(_cut("\n".join([*status_lines, body, *notes]), TEXT_CHARACTERS), tuple(blocks))


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _button(ack_url: str) -> dict[str, Any]:
    text = {"type": "plain_text", "text": "Acknowledge"}
    button = {"type": "button", "text": text, "url": ack_url, "action_id": "acknowledge", "style": "primary"}
    return {"type": "actions", "elements": [button]}


def _sections(text: str) -> list[str]:
    """The text in parts that each fit a section, parted between lines where there are any."""
    parts = []
    while len(text) > SECTION_CHARACTERS:
        at = text.rfind("\n", 1, SECTION_CHARACTERS)
        at = at if at > 0 else _whole(text, SECTION_CHARACTERS)
        parts.append(text[:at])
        text = text[at:].lstrip("\n")
    return [part for part in [*parts, text] if part.strip()]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: _whole(text, longest - 1)]}…"


def _whole(text: str, longest: int) -> int:
    """Where to cut so that neither an escape (`&amp;`) nor a link (`<…|…>`) is cut in two."""
    link, escape = text.rfind("<", 0, longest), text.rfind("&", max(0, longest - 4), longest)
    if link > 0 and ">" not in text[link:longest] and longest - link < SECTION_CHARACTERS:
        return link
    return escape if escape > 0 and ";" not in text[escape:longest] else longest
