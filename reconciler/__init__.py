"""Watches that every deadline is decided about, and pages what no streams worker has. Independent of how they do it."""
