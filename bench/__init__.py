"""Measures how fast the pipeline is, each figure beside its limit: what a few naive lines reach on the same machine.

The roles under test are the real ones, in processes of their own, on a real Kafka and Redis. Figures are no verdict of
the tests. Not shipped: `make bench` runs it. README.md explains each bench.
"""
