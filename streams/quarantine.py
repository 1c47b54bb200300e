"""A mistake of ours about one record costs that record, loudly, and not the pipeline.

An error that ends the worker comes again with its next start: one alert that nobody thought of would stop all pages.
Only pure decisions may be held in this. What fails at Kafka or at a table fails for all records, and must end the worker.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from streams.codec import Unusable
from streams.records import Cause


log = structlog.get_logger("ackline.streams")


@contextmanager
def quarantine(cause: Cause) -> Iterator[None]:
    """Turn whatever fails in the block into `Unusable`. `cause` is the record that is decided about."""
    try:
        yield
    except Unusable:
        raise
    except Exception as mistake:
        log.exception(
            "decision_failed", topic=cause.topic, partition=cause.partition, offset=cause.offset,
            hint="this is a mistake in Ackline: please report it",
        )  # fmt: skip
        raise Unusable(
            f"our own code fails on it ({type(mistake).__name__}); see the log of the streams role"
        ) from None
