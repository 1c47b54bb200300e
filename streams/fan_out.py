"""The fan-out agent: alerts in, and out to Slack, to the timer and to the incident log.

A batch is decided in order, its effects are made durable together, then its rows; only then is it finished. A record
that is no alert goes to `dead-letters`, and one under a key of its sender's own is written again under its source key.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
import structlog

from faust.types import EventT

from streams import metrics
from streams.codec import Unusable
from streams.decide.correlation import Incident, Policy, Reason, correlate
from streams.decide.effects import Effect
from streams.decide.intake import Intake, complete_alert
from streams.outbox import Outbox
from streams.quarantine import quarantine
from streams.records import AlertEvent, Cause, Millis
from streams.records.identity import source_key
from streams.reliable.table import DurableTable
from streams.topics import Topic


log = structlog.get_logger("ackline.streams.fan_out")

_ROW = msgspec.msgpack.Decoder(Incident)
_ENCODER = msgspec.msgpack.Encoder()
_Rows = dict[str, tuple[EventT[bytes], Incident | None]]


class FanOut:
    """Decides about alerts and makes the decisions durable."""

    def __init__(
        self,
        incidents: DurableTable,
        outbox: Outbox,
        policy: Policy,
        *,
        key_names: Collection[str],
        max_wait_minutes: float,
        clock: Callable[[], Millis],
    ) -> None:
        self._incidents = incidents
        self._outbox = outbox
        self._policy = policy
        self._intake = Intake(secret=policy.secret, key_names=key_names, max_wait_minutes=max_wait_minutes)
        self._clock = clock

    async def process(self, events: Sequence[EventT[bytes]]) -> None:
        """Decide about a batch. When this returns, all that follows from it is durable."""
        now_ms = self._clock()
        rows: _Rows = {}
        effects: list[Effect] = []
        reasons: Counter[Reason] = Counter()
        for event in events:
            cause = _cause_of(event)
            try:
                with quarantine(cause):
                    alert = self.alert_of(event, now_ms)
                effects.extend(self._effects_of(alert, event, cause, rows, reasons))
            except Unusable as problem:
                await self._bury(event, str(problem))
        _count(reasons)
        await self._outbox.publish(effects)
        for key, (event, row) in rows.items():
            self._incidents.write(event, key.encode(), _ENCODER.encode(row) if row else None)
        await self._incidents.durable()

    def alert_of(self, event: EventT[bytes], now_ms: Millis) -> AlertEvent:
        """The alert of a record, complete: with an id, a time that has come, and options that make sense.

        Raises:
            Unusable: it is no alert.
        """
        message = event.message
        return complete_alert(message.value, _cause_of(event), round(message.timestamp * 1000), now_ms, self._intake)

    def _effects_of(
        self, alert: AlertEvent, event: EventT[bytes], cause: Cause, rows: _Rows, reasons: Counter[Reason]
    ) -> Sequence[Effect]:
        key = source_key(alert)
        if event.message.key != key.encode():
            return [Effect(Topic.ALERTS, key, alert)]
        known = rows[key][1] if key in rows else self._row(event, key)
        with quarantine(cause):
            decision = correlate(known, alert, cause, self._policy)
        if decision.state is not known:
            rows[key] = (event, decision.state)
        reasons[decision.reason] += 1
        return decision.effects

    def _row(self, event: EventT[bytes], key: str) -> Incident | None:
        value = self._incidents.read(event, key.encode())
        return _ROW.decode(value) if value is not None else None

    async def _bury(self, event: EventT[bytes], reason: str) -> None:
        message = event.message
        log.warning(
            "alert_unusable", reason=reason, topic=message.topic, partition=message.partition, offset=message.offset
        )
        await self._outbox.bury(event, reason)


def _cause_of(event: EventT[bytes]) -> Cause:
    return Cause(event.message.topic, event.message.partition, event.message.offset)


def _count(reasons: Mapping[Reason, int]) -> None:
    for reason, count in reasons.items():
        metrics.ALERTS.labels(reason=reason).inc(count)
