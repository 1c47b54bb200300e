"""Puts a streams worker together: the Faust app, its tables, both agents and the clock."""

from functools import partial
from pathlib import Path
from typing import Any

import faust

from faust.types import TP, StreamT

from config.kafka_options import PRODUCER_BATCH_BYTES, client_options
from config.settings import MAX_WAIT_MINUTES, Settings
from state.claims import Claims
from streams.acks import Acks
from streams.clock import Clock, wall_clock_ms
from streams.deadlines import DeadlineQueue
from streams.fan_out import FanOut
from streams.outbox import Outbox
from streams.policy import policy_of
from streams.reliable.app import ReliableApp
from streams.reliable.batches import batches, finish
from streams.reliable.edges import Edges
from streams.reliable.pulse import Pulse
from streams.reliable.table import DurableTable
from streams.timer import Timer, TimerTables
from streams.topics import MAX_RECORD_BYTES, Table, Topic, app_id, topic_name


BATCH = 500
"""The most records that are decided and made durable together."""

_ROCKSDB = {
    # Faust's own defaults reserve gigabytes for every partition of every table.
    "block_cache_size": 4 * 1024 * 1024,
    "write_buffer_size": 4 * 1024 * 1024,
    "max_open_files": 64,
}


class Worker:
    """A streams worker before it is started."""

    def __init__(self, settings: Settings, data_dir: Path, claims: Claims) -> None:
        self.edges = Edges(settings.kafka)
        self.app = _faust_app(settings, data_dir, self.edges)
        prefix = settings.kafka.topic_prefix
        self._ticks = topic_name(prefix, Topic.TICKS)
        self._topics = {topic_name(prefix, topic): topic for topic in Topic}
        # A broker gives partitions away after the session timeout; a margin covers what is on its way by then.
        self.pulse = Pulse(settings.kafka.session_timeout.total_seconds() * 0.8)
        outbox = Outbox(self.app, self.pulse, prefix=prefix, slack=settings.alert.slack.enable)
        incidents, escalations, deadlines = (_table(self.app, table, settings) for table in Table)
        self.fan_out = FanOut(
            incidents,
            outbox,
            policy_of(settings),
            key_names=settings.key_names,
            max_wait_minutes=MAX_WAIT_MINUTES,
            clock=wall_clock_ms,
        )
        self.acks = self._acks(claims, topic_name(prefix, Topic.ACKS))
        self.timer = Timer(
            TimerTables(escalations, DeadlineQueue(deadlines)),
            outbox,
            self.acks,
            topics=self._topics,
            new_rounds=settings.oncall.new_rounds,
            clock=wall_clock_ms,
        )
        self.clock = Clock(outbox, interval=settings.timer.tick, ticked_ms=self.timer.ticked_ms)
        self.was_assigned = False
        """Whether it has its partitions, or knows that there are none for it."""
        self._add_agents(prefix)

    def owned_partitions(self) -> set[int]:
        """The partitions that this worker has the clock of."""
        return {tp.partition for tp in self.app.consumer.assignment() if tp.topic == self._ticks}

    def _acks(self, claims: Claims, topic: str) -> Acks:
        def begun_at(partition: int) -> int:
            consumer: Any = self.app.consumer
            return int(consumer.begun.get(TP(topic, partition), 0))

        return Acks(claims, end_of=partial(self.edges.end, topic), begun_at=begun_at)

    def _add_agents(self, prefix: str) -> None:
        app = self.app

        @app.agent(_topic(app, prefix, Topic.ALERTS), name="fan-out")
        async def fan_out(stream: StreamT[bytes]) -> None:
            async for batch in batches(stream, BATCH):
                await self.fan_out.process(batch)
                finish(stream, batch)

        @app.agent(_topic(app, prefix, Topic.DELAYS, Topic.ACKS, Topic.TICKS), name="timer")
        async def timer(stream: StreamT[bytes]) -> None:
            async for batch in batches(stream, BATCH):
                await self.timer.process(batch)
                finish(stream, batch)
                await self.clock.tick(self.timer.take_at_once(), wall_clock_ms())

        @app.task  # type: ignore[untyped-decorator]  # Faust leaves this one without types.
        async def clock() -> None:
            while not app.should_stop:
                await self.clock.tick(self.owned_partitions(), wall_clock_ms())
                await self.clock.rest()

        @app.on_partitions_assigned.connect
        async def rewind(*_: object, **__: object) -> None:
            self.timer.rewind()
            self.was_assigned = True


def _faust_app(settings: Settings, data_dir: Path, edges: Edges) -> ReliableApp:
    kafka = settings.kafka
    return ReliableApp(
        edges,
        app_id(kafka.topic_prefix),
        broker=[f"kafka://{server.strip()}" for server in (kafka.bootstrap_servers or "").split(",")],
        broker_credentials=_credentials(settings),
        store="rocksdb://",
        datadir=str(data_dir),
        topic_partitions=kafka.partitions,
        topic_replication_factor=kafka.replication_factor,
        # All topics exist before a worker starts; the leader topic serves features that are not used here.
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_session_timeout=kafka.session_timeout.total_seconds(),
        broker_heartbeat_interval=kafka.session_timeout.total_seconds() / 4,
        stream_wait_empty=True,
        producer_linger=0,
        producer_max_batch_size=PRODUCER_BATCH_BYTES,
        producer_max_request_size=MAX_RECORD_BYTES,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
    )


def _credentials(settings: Settings) -> faust.auth.Credentials | None:
    security, options = settings.kafka.security, client_options(settings.kafka)
    context = options.get("ssl_context")
    if security.protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=security.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context else None


def _topic(app: faust.App, prefix: str, *topics: Topic) -> faust.TopicT:
    names = [topic_name(prefix, topic) for topic in topics]
    return app.topic(*names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def _table(app: faust.App, table: Table, settings: Settings) -> DurableTable:
    durable = DurableTable(
        app,
        name=str(table),
        key_type=bytes,
        value_type=bytes,
        partitions=settings.kafka.partitions,
        # Faust takes its options out of the mapping that it is given.
        options={"driver": "rocksdict", **_ROCKSDB},
    )
    app.tables.add(durable)
    return durable
