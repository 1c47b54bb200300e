"""What the notifiers count."""

from prometheus_client import Counter, Gauge, Histogram


DELIVERED = Counter("ackline_notifications_delivered_total", "Calls that were accepted", ["destination", "kind"])
RETRIED = Counter("ackline_notifications_retried_total", "Calls that have to be made again", ["destination", "reason"])
REJECTED = Counter("ackline_notifications_rejected_total", "Calls refused for good", ["destination", "reason"])
TEMPLATE_FAILURES = Counter("ackline_template_failures_total", "Messages for which the template could not be used")
UNFINISHED = Gauge("ackline_notifications_unfinished", "Records that are read and not yet settled", ["topic"])
LANES = Gauge("ackline_notifier_lanes", "Channels and routing keys with something to do", ["topic"])
PAGE_LATENESS = Histogram(
    "ackline_page_lateness_seconds",
    "From when a page was due until PagerDuty had it",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
