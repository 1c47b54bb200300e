"""A Faust producer that Kafka has to acknowledge on all replicas, once and in order.

Closes: Faust turns idempotence on only together with its transactions, which have troubles of their own.
"""

from collections.abc import Mapping
from typing import Any

from faust.transport.drivers.aiokafka import Producer


class IdempotentProducer(Producer):
    """See the module."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}
