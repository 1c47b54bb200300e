"""What the edge counts."""

from prometheus_client import Counter, Gauge, Histogram


ACCEPTED = Counter("ackline_alerts_accepted_total", "Alerts that Kafka has acknowledged")
REFUSED = Counter("ackline_requests_refused_total", "Alert requests answered 4xx or 5xx", ["reason"])
ACKNOWLEDGED = Counter("ackline_acknowledgements_total", "Acknowledgements by what the person was told", ["answer"])
PUBLISH_SECONDS = Histogram(
    "ackline_publish_duration_seconds",
    "How long Kafka took to acknowledge",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
IN_FLIGHT = Gauge("ackline_publishes_in_flight", "Requests whose records Kafka has not settled yet")
IN_FLIGHT_BYTES = Gauge("ackline_publishes_in_flight_bytes", "Bytes of the records that Kafka has not settled yet")
BACKLOG = Gauge("ackline_acknowledgement_backlog", "Halves of acknowledgements that are still being tried")
