"""What the processes share in Redis: claims, receipts of Slack messages, and the read model.

All of it is a convenience or a tie-break: without Redis every decision is still made, from Kafka alone.
"""
