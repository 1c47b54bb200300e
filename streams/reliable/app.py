"""A Faust app that stops at the first error it cannot explain, instead of skipping the record that caused it.

Closes: an exception in an agent acknowledges its record and restarts the agent. Here it ends the worker without a
commit; the supervisor starts it again, and the record is processed again.
"""

from typing import Any

import faust
import structlog

from faust.transport.drivers.aiokafka import Transport
from faust.types import TransportT

from streams.reliable.consumer import PrefixConsumer
from streams.reliable.edges import Edges
from streams.reliable.producer import IdempotentProducer


log = structlog.get_logger("ackline.streams")


class ReliableTransport(Transport):
    """Faust's connection to Kafka, with our consumer and producer in it."""

    Consumer = PrefixConsumer
    Producer = IdempotentProducer


class ReliableApp(faust.App):
    """See the module."""

    def __init__(self, edges: Edges, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.edges = edges

    def _new_transport(self) -> TransportT:
        return ReliableTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> TransportT:
        return ReliableTransport(self.conf.broker_producer, self)

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:
        log.error("agent_failed", agent=agent.name, reason=repr(exc))
        await self.crash(exc)
