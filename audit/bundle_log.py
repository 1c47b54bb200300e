"""An export as a log: what was exported, in its order. A line that is not what was exported ends the reading, and is named."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from audit.bundle_read import Bundle
from audit.record import LogRecord, Span, Spans
from streams.topics import KEPT_FOR_AUDIT, Topic


_AT_ONCE = 500


class BundleLog:
    """What lies in an export."""

    def __init__(self, bundle: Bundle) -> None:
        manifest = bundle.manifest
        self._bundle = bundle
        self.spans: Spans = {
            (each.topic, each.partition): Span(each.begin, each.end)
            for each in manifest.ranges
            if each.topic is not Topic.TICKS
        }
        self.to_ms = manifest.created_ms if manifest.to_ms is None else min(manifest.to_ms, manifest.created_ms)
        """Nothing later is in it."""
        # Where offsets do not begin at 0, Kafka had deleted something already.
        is_cut = any(span.start for span in self.spans.values())
        kept_ms = manifest.created_ms - KEPT_FOR_AUDIT // timedelta(milliseconds=1) if is_cut else 0
        self.whole_from_ms = max(kept_ms, manifest.from_ms or 0)
        """Since when all of it is there."""

    @property
    def size(self) -> int:
        """How many records there are to read, or a few less."""
        return sum(span.end - span.start for span in self.spans.values())

    async def read(self) -> AsyncIterator[Sequence[LogRecord]]:
        """All of them, some of one partition at once.

        Raises:
            BundleProblem: a line is not what was exported.
        """
        some: list[LogRecord] = []
        for record in self._bundle.records():
            if some and (len(some) == _AT_ONCE or some[0].partition != record.partition):
                yield some
                some = []
            if record.topic is not Topic.TICKS:
                some.append(record)
        if some:
            yield some
