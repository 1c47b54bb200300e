"""A Faust consumer that commits only what `finish` was called for, and only up to the first record that it wasn't.

Closes: commits that jump over unprocessed records (`streams.reliable.ledger`) or over such as were never delivered, the
stream's own acknowledging of records that it skips while partitions move, and the loss of what was fetched while they
moved from a partition of which nothing is committed yet. Faust's acknowledging is kept for its bookkeeping and commits
nothing.

Records are handed out a fetch at a time: Faust makes four tasks for each record, which is most of what it costs.
"""

import asyncio
import time

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import structlog

from aiokafka.errors import IllegalStateError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP, Message
from mode import ServiceT
from mode.utils.futures import notify

from streams.reliable.ledger import Ledger


log = structlog.get_logger("ackline.streams")

_PATIENCE_SECONDS = 10.0
"""How long a record that was passed over may take to be fetched again."""


_HANDED_OUT_AT_ONCE = 500
"""Records after which others get a turn. So many make a batch."""


class MissedError(Exception):
    """A record was passed over that Kafka has."""


class _ReadOffsets(defaultdict[TP, int | None]):
    """How far Faust believes to have read. It drops what lies before, also where it is mistaken: after partitions moved,
    what was fetched before counts as read. So of our topics it believes nothing, and the ledger sees to the order."""

    def __init__(self, is_ours: Callable[[TP], bool]) -> None:
        super().__init__(lambda: None)
        self._is_ours = is_ours

    def __getitem__(self, partition: TP) -> int | None:
        return None if self._is_ours(partition) else super().__getitem__(partition)


class PrefixConsumer(Consumer):
    """See the module."""

    def __init__(self, transport: Any, callback: Any, *args: Any, **kwargs: Any) -> None:
        self.ledger: Ledger[TP] = Ledger()
        self.begun: dict[TP, int] = {}
        """Where the reading of each partition has begun: at its commit, or at 0 where there is none."""

        async def deliver(message: Message) -> None:
            if self._is_ours(message.tp):
                if await self._is_out_of_turn(message):
                    return
                self.ledger.delivered(message.tp, message.offset)
            await callback(message)

        super().__init__(transport, deliver, *args, **kwargs)
        self._read_offset = _ReadOffsets(self._is_ours)
        self._awaited: dict[TP, tuple[int, float]] = {}
        """By partition: an offset that was passed over and is being fetched, and since when."""

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Hand out what is fetched, until told to stop."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._hand_out_next()
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _hand_out_next(self) -> None:
        """Wait for a fetch and hand it out. What is left of it when partitions begin to move is fetched again."""
        fetched = self.getmany(timeout=1.0)
        # What is fetched already comes without waiting, and others need a turn.
        await asyncio.sleep(0)
        # Only the first one is waited for: at the next, `getmany` ends where the flow was suspended.
        async for _, message in fetched:
            await self.wait_first(self._hand_out(message, fetched), self.suspend_flow.wait())
        if self._commit_every is not None and self._n_acked >= self._commit_every:
            self._n_acked = 0
            await self.commit()

    async def _hand_out(self, first: Message, others: AsyncIterator[tuple[TP, Message]]) -> None:
        await self._hand_out_one(first)
        handed_out = 1
        async for _, message in others:
            await self._hand_out_one(message)
            handed_out += 1
            if handed_out % _HANDED_OUT_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _hand_out_one(self, message: Message) -> None:
        read = self._read_offset[message.tp]
        if read is None or message.offset >= read:
            await self.callback(message)
            self._read_offset[message.tp] = message.offset

    def _is_ours(self, partition: TP) -> bool:
        """Whether an agent reads it, and not a table's recovery."""
        return bool(self.app.topics.acks_enabled_for(partition.topic))

    async def _is_out_of_turn(self, message: Message) -> bool:
        """Whether Faust has passed over a record before this one: then both are fetched again, in order.

        Offsets without a record are no harm: transactions leave some, and so does whatever Kafka deletes.

        Raises:
            MissedError: it does not come; the worker has to begin again at its commit.
        """
        place = message.tp
        missed = self.ledger.missed(place, message.offset)
        if missed is None:
            self._awaited.pop(place, None)
            return False
        offset, since = self._awaited.get(place, (-1, 0.0))
        if offset == missed:
            if time.monotonic() - since > _PATIENCE_SECONDS:
                await self._give_up(place, missed)
            return True
        app: Any = self.app
        first = await app.edges.first_from(place.topic, place.partition, missed)
        if first is not None and first >= message.offset:
            return False
        log.warning(
            "record_passed_over", topic=place.topic, partition=place.partition, offset=missed, before=message.offset
        )
        self._awaited[place] = missed, time.monotonic()
        await self._seek(place, missed)
        return True

    async def _give_up(self, place: TP, missed: int) -> None:
        app: Any = self.app
        problem = MissedError(f"{place.topic} {place.partition}: {missed} is not delivered")
        await app.crash(problem)
        raise problem

    def finish(self, message: Message) -> None:
        """All effects of this record are durable. One that was fetched before partitions moved counts no more."""
        if message.generation_id == self.app.consumer_generation_id:
            self.ledger.finished(message.tp, message.offset)

    def ack(self, message: Message) -> bool:
        """Faust's bookkeeping of what its streams still hold. It commits nothing."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        self._n_acked += 1
        notify(self._waiting_for_ack)
        return True

    async def wait_empty(self) -> None:
        """Wait for what is being processed, and commit it.

        What an agent has failed at is never finished: waiting for it, a worker that fails could not end. It commits
        nothing either, since its connection to Kafka is being torn down.
        """
        while self._unacked_messages and not (self.should_stop or self.app.crashed):
            await self._wait_for_ack(timeout=1)
            self._clean_unacked_messages()
        if not self.app.crashed:
            await self.commit_and_end_transactions()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to what is committed; where nothing is, to the beginning, and not to wherever fetching had got."""
        committed = await super().seek_to_committed()
        self.begun.update({ensure_TP(tp): offset or 0 for tp, offset in committed.items()})
        unread = [tp for tp, offset in committed.items() if not offset and self.app.topics.acks_enabled_for(tp.topic)]
        if unread:
            # A partition that moves on meanwhile is sought by its new owner.
            with suppress(IllegalStateError):
                await self._thread.seek_to_beginning(*unread)
        return committed

    async def perform_seek(self) -> None:
        """Go back to what is committed; all that was delivered since then will be delivered again."""
        await super().perform_seek()
        for partition in self.ledger.partitions():
            self.ledger.forget(partition)
        self._awaited.clear()
        for partition, offset in self.begun.items():
            self.ledger.begin(partition, offset)

    async def seek(self, partition: TP, offset: int) -> None:
        """Go to an offset; what was delivered of this partition counts no more."""
        await super().seek(partition, offset)
        self.ledger.forget(ensure_TP(partition))

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Somebody else may own these from now on. What is finished is committed by Faust's callback in here."""
        await super().on_partitions_revoked(revoked)
        for partition in revoked:
            self.ledger.forget(ensure_TP(partition))

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust would log that a stream is slow, and end the worker where a position is just being looked up.
        Whether a worker is stuck is for `Streams.health` to say."""

    def _filter_tps_with_pending_acks(self, topics: Iterable[Any] | None = None) -> Iterator[TP]:
        wanted = set(topics) if topics is not None else None
        for partition in self.ledger.partitions():
            if wanted is None or partition in wanted or partition.topic in wanted:
                yield partition

    def _new_offset(self, tp: TP) -> int | None:
        return self.ledger.take_committable(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: an offset that was never delivered cannot hold up a prefix of delivered ones."""
