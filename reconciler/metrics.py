"""What the reconciler counts."""

from prometheus_client import Counter, Gauge


PAGES = Counter(
    "ackline_reconciler_pages_total", "Overdue incidents that no streams worker had paged. More than 0: a bug"
)
UNCLAIMED = Counter(
    "ackline_reconciler_claims_unanswered_total", "Claims that Redis did not answer; Kafka alone decided"
)
UNUSABLE = Counter("ackline_reconciler_unusable_records_total", "Records that could not be read, and were passed over")
PENDING = Gauge(
    "ackline_reconciler_obligations_pending", "Deadlines that are neither acknowledged, cancelled nor paged"
)
