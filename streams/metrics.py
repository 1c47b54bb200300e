"""What a streams worker counts."""

from prometheus_client import Counter, Histogram


ALERTS = Counter("ackline_alerts_correlated_total", "Alerts by what was decided about them", ["reason"])
PAGES = Counter("ackline_pages_decided_total", "Escalations that became a page", ["reason"])
ACKNOWLEDGEMENTS = Counter("ackline_acks_decided_total", "Acknowledgements by how they were claimed", ["claim"])
LATENESS = Histogram(
    "ackline_page_decision_lateness_seconds",
    "From when a page was due to when it was decided",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
CLAIMS_UNANSWERED = Counter("ackline_claims_unanswered_total", "Claims for which Redis gave no answer in time")
