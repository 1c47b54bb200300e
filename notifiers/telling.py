"""Tells people in Slack what a record says: posts, answers in threads, updates in place, each record once.

What Slack refuses for good is put aside, loudly; where somebody was to acknowledge it, the escalation becomes due at
once, since nobody can acknowledge what nobody saw.
"""

import time

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import structlog

from notifiers import metrics
from notifiers.consume import Reader
from notifiers.contract import Delivered, Reason, Rejected, Sender
from notifiers.job import Abandoned, Job
from notifiers.publish import Publisher
from notifiers.render import Renderer, SlackMessage, status_line
from notifiers.settle import Patience, settle
from notifiers.slack import Method, SlackCall
from state.receipts import Receipts, SlackReceipt
from streams.records import (
    DelayExpedited,
    Happening,
    SlackNotification,
    SlackPost,
    SlackThread,
    SlackUpdate,
)
from streams.topics import Topic


log = structlog.get_logger("ackline.notifiers")

ROLE = "slack"


class Telling:
    """Deliveries to Slack."""

    def __init__(self, *, sender: Sender[SlackCall], renderer: Renderer, receipts: Receipts, publisher: Publisher,
                 channel_id: str, give_up_after: timedelta) -> None:  # fmt: skip
        """`channel_id` is told where a record names no channel."""
        self._sender = sender
        self._renderer = renderer
        self._receipts = receipts
        self._publisher = publisher
        self._channel_id = channel_id
        self._give_up_after = give_up_after.total_seconds()
        self.trouble: str | None = None
        """Why the latest record was not delivered; None where it was."""

    def handle(self, reader: Reader, job: Job) -> None:
        """Put the record into its channel's lane."""
        channel = job.record.channel_id or self._channel_id
        reader.put(channel, job, partial(self._deliver, channel, partial(reader.turn, channel)))

    async def _deliver(self, channel: str, turn: Callable[[], float], job: Job) -> None:
        try:
            await self._tell(channel, turn, job)
        except Abandoned:
            raise
        except Exception:  # A mistake of ours about one record must not stop all the others.
            log.exception("notification_failed", incident_id=job.record.incident_id)
            await self._rejected(job, Rejected(Reason.BAD_CONTENT, "the notifier could not deal with it; see its log"))

    async def _tell(self, channel: str, turn: Callable[[], float], job: Job) -> None:
        record = job.record
        receipt = await self._receipts.posted(record.notification_id)
        if receipt is None:
            target = None if isinstance(record, SlackPost) else await self._receipts.message(record.incident_id)
            if isinstance(record, SlackUpdate) and target is None:
                await self._dropped(job)
                return
            patience = Patience(destination=ROLE, turn=turn, give_up_at=job.began + self._give_up_after)
            outcome, target = await self._told(job, channel, target, patience)
            if isinstance(outcome, Rejected):
                await self._rejected(job, outcome)
                return
            receipt = await self._kept(record, target, outcome)
        await self._delivered(job, receipt)

    async def _told(
        self, job: Job, channel: str, target: SlackReceipt | None, patience: Patience
    ) -> tuple[Delivered | Rejected, SlackReceipt | None]:
        """How it went, and the message that was answered or updated; None where a new one was posted."""
        record = job.record
        target = _with_news(record, target)
        message = await self._message(record, target)
        outcome = await self._sent(job, _call(record, channel, target, message), patience)
        if isinstance(outcome, Rejected) and outcome.reason is Reason.BAD_CONTENT:
            log.warning(
                "message_refused", incident_id=record.incident_id, detail=outcome.detail, hint="told in plain words"
            )
            plain = self._renderer.plain(record, target.status_lines if target else ())
            outcome = await self._sent(job, _call(record, channel, target, plain), patience)
        if _is_gone(outcome) and isinstance(record, SlackThread) and target:
            return await self._told(job, channel, None, patience)
        return outcome, target

    async def _sent(self, job: Job, call: SlackCall, patience: Patience) -> Delivered | Rejected:
        return await settle(job, lambda: self._sender.send(call), patience)

    async def _message(self, record: SlackNotification, target: SlackReceipt | None) -> SlackMessage:
        if isinstance(record, SlackPost):
            return await self._renderer.post(record)
        if isinstance(record, SlackUpdate):
            return await self._renderer.update(record, target.status_lines if target else ())
        assert isinstance(record, SlackThread)
        return self._renderer.thread(record)

    async def _kept(self, record: SlackNotification, target: SlackReceipt | None, outcome: Delivered) -> SlackReceipt:
        receipt = SlackReceipt(outcome.receipt["channel"], outcome.receipt["ts"], target.status_lines if target else ())
        is_the_message = not (isinstance(record, SlackThread) and target)
        await self._receipts.keep(record.notification_id, receipt, record.incident_id if is_the_message else None)
        return receipt

    async def _delivered(self, job: Job, receipt: SlackReceipt) -> None:
        kind = _kind(job.record)
        await self._log(job, Happening.SLACK_DELIVERED, {"kind": kind, "channel": receipt.channel, "ts": receipt.ts})
        self.trouble = None
        metrics.DELIVERED.labels(ROLE, kind).inc()
        job.finish()

    async def _dropped(self, job: Job) -> None:
        reason = "its message is not known here, so there is nothing to update"
        log.warning("update_dropped", incident_id=job.record.incident_id, reason=reason)
        await self._log(
            job, Happening.SLACK_REJECTED, {"kind": "update", "reason": Reason.MESSAGE_GONE, "detail": reason}
        )
        job.finish()

    async def _rejected(self, job: Job, outcome: Rejected) -> None:
        record, kind = job.record, _kind(job.record)
        metrics.REJECTED.labels(ROLE, outcome.reason).inc()
        self.trouble = f"{outcome.reason}: {outcome.detail}"
        expedites = isinstance(record, SlackPost) and record.oncall
        log.error(
            "slack_rejected", incident_id=record.incident_id, kind=kind, reason=outcome.reason, detail=outcome.detail,
            hint="its page is due at once" if expedites else "it is kept in the dead-letters topic",
        )  # fmt: skip
        if expedites:
            await self._expedite(record, outcome)
        await self._publisher.dead_letter(job.message, f"Slack: {outcome.reason}: {outcome.detail}", outcome.reason)
        detail = {"kind": kind, "reason": outcome.reason, "detail": outcome.detail}
        await self._log(job, Happening.SLACK_REJECTED, detail)
        job.finish()

    async def _expedite(self, record: SlackPost, outcome: Rejected) -> None:
        expedited = DelayExpedited(
            event_id=record.notification_id,
            incident_id=record.incident_id,
            source_key=record.source_key,
            at_ms=_now_ms(),
            reason=f"{outcome.reason}: {outcome.detail}",
        )
        await self._publisher.publish(Topic.DELAYS, record.source_key, expedited)

    async def _log(self, job: Job, what: Happening, detail: dict[str, Any]) -> None:
        entry = job.note(ROLE, what, detail)
        await self._publisher.publish(Topic.INCIDENT_LOG, entry.source_key, entry)


def _call(record: SlackNotification, channel: str, target: SlackReceipt | None, message: SlackMessage) -> SlackCall:
    arguments: dict[str, Any] = {"channel": channel, "text": message.text, "blocks": list(message.blocks)}
    if isinstance(record, SlackUpdate):
        assert target is not None
        return SlackCall(Method.UPDATE, {**arguments, "channel": target.channel, "ts": target.ts})
    # A robot that unfurls links would follow the ACK link.
    arguments |= {"unfurl_links": False, "unfurl_media": False}
    if isinstance(record, SlackThread) and target is not None:
        arguments |= {"channel": target.channel, "thread_ts": target.ts}
    return SlackCall(Method.POST, arguments)


def _with_news(record: SlackNotification, target: SlackReceipt | None) -> SlackReceipt | None:
    """The message with what the record adds to its story; the same record adds it once."""
    if target is None or not isinstance(record, SlackUpdate) or status_line(record) in target.status_lines:
        return target
    return msgspec.structs.replace(target, status_lines=(*target.status_lines, status_line(record)))


def _is_gone(outcome: Delivered | Rejected) -> bool:
    return isinstance(outcome, Rejected) and outcome.reason is Reason.MESSAGE_GONE


def _kind(record: SlackNotification) -> str:
    if isinstance(record, SlackPost):
        return "post"
    return "thread" if isinstance(record, SlackThread) else "update"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
