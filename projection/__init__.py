"""Keeps the read model in Redis: reads the incident log and writes down what people ask about."""
