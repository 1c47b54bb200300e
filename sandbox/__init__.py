"""Stand-in Slack and PagerDuty on one port: they check requests as the real ones do, keep what arrived and show it.

Used by the demo, by `ackline sandbox` and by the tests. Imports nothing of the pipeline, so that it can be trusted to
judge it. Nothing is written to disk, and only the latest of everything are kept (`KEPT`).
"""

KEPT = 50_000
"""How many messages, events, incidents and calls are remembered: enough for any test, bounded for a long demo."""
