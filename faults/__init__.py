"""Does to a whole pipeline what can happen to one, under load, and counts afterwards what became of every alert.

Each row is one fault. The pipeline is real and runs as `ackline up` runs it; Slack and PagerDuty are the sandbox, which
knows nothing of ours and so can be believed. Not shipped: `make faults` runs it.
"""
