"""What the projection counts."""

from prometheus_client import Counter


ENTRIES = Counter("ackline_projection_entries_total", "Entries of the incident log written to the read model", ["what"])
REDIS_FAILURES = Counter("ackline_projection_redis_failures_total", "Writes to Redis that failed and were tried again")
