"""Looks back: what the topics hold, read without a trace, and proved. Nothing here tells or pages anybody."""
