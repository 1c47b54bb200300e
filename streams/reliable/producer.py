"""A Faust producer that Kafka has to acknowledge on all replicas, once and in order.

Closes: Faust turns idempotence on only together with its transactions, which have troubles of their own.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from aiokafka.partitioner import DefaultPartitioner
from faust.transport.drivers.aiokafka import Producer


# All that a decision writes has one key, and the hash of a key is plain Python.
_partition_of = lru_cache(maxsize=8192)(DefaultPartitioner())


def _partitioner(key: bytes | None, everywhere: list[int], available: list[int]) -> int:
    """Kafka's own partition of a key."""
    if key is None:
        return int(DefaultPartitioner()(key, everywhere, available))
    return int(_partition_of(key, tuple(everywhere), ()))


class IdempotentProducer(Producer):
    """See the module."""

    def _settings_default(self) -> Mapping[str, Any]:
        return {**super()._settings_default(), "partitioner": _partitioner}

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}
