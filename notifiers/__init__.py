"""Tells people in Slack and pages them through PagerDuty: one HTTP call per record, retried until it is settled.

Start reading at `notifiers.service`; what a destination can answer is `notifiers.contract`.
"""
