"""A recorded day: thousands of incidents with known outcomes through a real pipeline, with faults in the middle of it,
and afterwards everything that the audit must be able to say about it. Not shipped: `make day` runs it.
"""
