"""Pages through PagerDuty what a record says, for as long as it takes. Nothing but PagerDuty's own refusal ends it.

Only here does a key's name become a key. A key that is unknown or refused gives way to the default key, loudly, and
what follows such a page goes the same way: PagerDuty drops what comes through another key than its trigger.
"""

import time

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog

from pydantic import SecretStr

from config.settings import PagerDutySettings
from notifiers import metrics, page
from notifiers.consume import Reader
from notifiers.contract import Delivered, Reason, Rejected, Sender
from notifiers.job import Abandoned, Job
from notifiers.pagerduty import PagerDutyCall
from notifiers.publish import Publisher
from notifiers.settle import Patience, settle
from state.receipts import Receipts
from streams.records import Happening, PagerDutyEvent, PagerDutyResolve, PagerDutyTrigger
from streams.topics import Topic


log = structlog.get_logger("ackline.notifiers")

ROLE = "pagerduty"
_DEFAULT = ""
"""The default key's lane; a name in the config file is never empty."""
_OVER = Delivered({"status": "sent before, and over"})


class RoutingKeys:
    """Keys by their names."""

    def __init__(self, pagerduty: PagerDutySettings) -> None:
        self._default = pagerduty.routing_key
        self._others: Mapping[str, SecretStr] = pagerduty.other_routing_keys

    def __contains__(self, name: str) -> bool:
        return name in self._others

    def key(self, name: str) -> SecretStr | None:
        """The key of this name; the empty name is the default key."""
        return self._others[name] if name else self._default


class Paging:
    """Deliveries to PagerDuty."""

    def __init__(self, *, sender: Sender[PagerDutyCall], keys: RoutingKeys, receipts: Receipts, publisher: Publisher,
                 public_host: str) -> None:  # fmt: skip
        self._sender = sender
        self._keys = keys
        self._receipts = receipts
        self._publisher = publisher
        self._public_host = public_host
        self.trouble: str | None = None
        """Why the latest event was not delivered as it should be; None where it was."""

    def handle(self, reader: Reader, job: Job) -> None:
        """Put the event into its key's lane."""
        name = job.record.routing_key_name or _DEFAULT
        if name and name not in self._keys:
            log.error(
                "routing_key_unknown", incident_id=job.record.incident_id,
                hint="the default key is used; add the name to oncall.pagerduty.other_routing_keys",
            )  # fmt: skip
            self._by_default(reader, job, "The routing key's name is not configured, so the default key was used.")
        elif name:
            reader.put(name, job, partial(self._guarded, self._by_name, reader, name))
        else:
            self._by_default(reader, job, None)

    def _by_default(self, reader: Reader, job: Job, warning: str | None) -> None:
        reader.put(_DEFAULT, job, partial(self._guarded, self._through_default, reader, warning))

    async def _guarded(self, work: Any, *arguments: Any) -> None:
        job: Job = arguments[-1]
        try:
            await work(*arguments)
        except Abandoned:
            raise
        except Exception:  # A mistake of ours about one event must not stop all the others.
            log.exception("page_failed", incident_id=job.record.incident_id)
            await self._given_up(job, Rejected(Reason.BAD_CONTENT, "the notifier could not deal with it; see its log"))

    async def _by_name(self, reader: Reader, name: str, job: Job) -> None:
        record = job.record
        if not isinstance(record, PagerDutyTrigger) and await self._receipts.fell_back(record.dedup_key):
            self._by_default(reader, job, None)
            return
        outcome = await self._sent(job, reader, name, self._event(record, None))
        if isinstance(outcome, Delivered):
            self._delivered(reader, job, name, outcome)
            return
        await self._rejected(job, name, outcome, hint="the default key is used; mend the key in the config file")
        await self._receipts.keep_fallback(record.dedup_key)
        self._by_default(reader, job, f"PagerDuty refused the routing key {name!r}, so the default key was used.")

    async def _through_default(self, reader: Reader, warning: str | None, job: Job) -> None:
        outcome = await self._sent(job, reader, _DEFAULT, self._event(job.record, warning))
        if isinstance(outcome, Rejected):
            # Most likely the key; in doubt it was the content, and a page in few words is better than none.
            plain = page.plain_event_of(job.record, self._public_host, warning)
            outcome = await self._sent(job, reader, _DEFAULT, plain)
        if isinstance(outcome, Delivered):
            self._delivered(reader, job, _DEFAULT, outcome)
        else:
            await self._given_up(job, outcome)

    def _event(self, record: PagerDutyEvent, warning: str | None) -> dict[str, Any]:
        try:
            return page.event_of(record, self._public_host, warning)
        except Exception:  # Whatever an alert holds that nobody thought of: it pages.
            log.exception("page_simplified", incident_id=record.incident_id)
            return page.plain_event_of(record, self._public_host, warning)

    async def _sent(self, job: Job, reader: Reader, name: str, event: dict[str, Any]) -> Delivered | Rejected:
        record = job.record
        if (
            isinstance(record, PagerDutyTrigger)
            and job.may_be_a_repeat
            and await self._receipts.is_over(record.dedup_key)
        ):
            return _OVER  # Its end was sent: it would open another incident, and wake somebody.
        if isinstance(record, PagerDutyResolve):
            # Before it is sent, so that no death comes in between. Its trigger was sent before it: a lane is in order.
            await self._receipts.keep_over(record.dedup_key)
        key = self._keys.key(name)
        if key is None:
            return Rejected(Reason.REFUSED, "no routing key is configured (oncall.pagerduty.routing_key)")
        call = PagerDutyCall(key, event)
        return await settle(
            job, lambda: self._sender.send(call), Patience(destination=ROLE, turn=partial(reader.turn, name))
        )

    def _delivered(self, reader: Reader, job: Job, name: str, outcome: Delivered) -> None:
        record = job.record
        detail = {**_detail(record, name), "status": outcome.receipt.get("status", "accepted")}
        fallback = name != (record.routing_key_name or _DEFAULT)
        if fallback:
            detail["fallback"] = True
        if isinstance(record, PagerDutyTrigger):
            detail["lateness_ms"] = _now_ms() - record.due_ms
            metrics.PAGE_LATENESS.observe(max(detail["lateness_ms"], 0) / 1000)
        self.trouble = "the latest page went through the default key instead of its own" if fallback else None
        metrics.DELIVERED.labels(ROLE, detail["action"]).inc()
        # PagerDuty has it, so the next page of the lane need not wait for Kafka to have the note of this one.
        reader.finish_with(job, job.note(ROLE, Happening.PAGERDUTY_DELIVERED, detail))

    async def _rejected(self, job: Job, name: str, outcome: Rejected, hint: str) -> None:
        metrics.REJECTED.labels(ROLE, outcome.reason).inc()
        self.trouble = f"{outcome.reason}: {outcome.detail}"
        detail = {**_detail(job.record, name), "reason": outcome.reason, "detail": outcome.detail}
        log.error("pagerduty_rejected", incident_id=job.record.incident_id, **detail, hint=hint)
        entry = job.note(ROLE, Happening.PAGERDUTY_REJECTED, detail)
        await self._publisher.publish(Topic.INCIDENT_LOG, entry.source_key, entry)

    async def _given_up(self, job: Job, outcome: Rejected) -> None:
        """The end of the line: nobody was told, and everything that can still be told is told to the operator."""
        if isinstance(job.record, PagerDutyTrigger):
            await self._receipts.forget_fallback(job.record.dedup_key)
        await self._publisher.dead_letter(job.message, f"PagerDuty: {outcome.reason}: {outcome.detail}", outcome.reason)
        await self._rejected(job, _DEFAULT, outcome, hint="NOBODY WAS PAGED; the event is in the dead-letters topic")
        job.finish()


def _detail(record: PagerDutyEvent, name: str) -> dict[str, Any]:
    return {
        "action": page.action(record),
        "round": record.round,
        "dedup_key": record.dedup_key,
        "routing_key_name": name or None,
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
