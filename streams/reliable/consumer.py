"""A Faust consumer that commits only what `finish` was called for, and only up to the first record that it wasn't.

Closes: commits that jump over unprocessed records (`streams.reliable.ledger`) or over such as were never delivered, the
stream's own acknowledging of records that it skips while partitions move, and the loss of what was fetched while they
moved from a partition of which nothing is committed yet. Faust's acknowledging is kept for its bookkeeping and commits
nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from aiokafka.errors import IllegalStateError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP, Message
from mode.utils.futures import notify

from streams.reliable.ledger import Ledger


class MissedError(Exception):
    """A record was passed over that Kafka has."""


class PrefixConsumer(Consumer):
    """See the module."""

    def __init__(self, transport: Any, callback: Any, *args: Any, **kwargs: Any) -> None:
        self.ledger: Ledger[TP] = Ledger()
        self.begun: dict[TP, int] = {}
        """Where the reading of each partition has begun: at its commit, or at 0 where there is none."""

        async def deliver(message: Message) -> None:
            if self.app.topics.acks_enabled_for(message.topic):
                await self._see_that_nothing_is_missed(message)
                self.ledger.delivered(message.tp, message.offset)
            await callback(message)

        super().__init__(transport, deliver, *args, **kwargs)

    async def _see_that_nothing_is_missed(self, message: Message) -> None:
        """What was not delivered would be committed with what comes behind it.

        Offsets without a record are no harm: transactions leave some, and so does whatever Kafka deletes.

        Raises:
            MissedError: the worker has to begin again at its commit.
        """
        missed = self.ledger.missed(message.tp, message.offset)
        if missed is None:
            return
        app: Any = self.app
        first = await app.edges.first_from(message.topic, message.partition, missed)
        if first is None or first < message.offset:
            problem = MissedError(
                f"{message.topic} {message.partition}: {missed} was not delivered before {message.offset}"
            )
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
