"""The decisions, as pure functions of state, record and time. No clock, no randomness, no I/O: a replay decides alike."""
