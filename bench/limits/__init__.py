"""The naive ways: what a few lines with the same libraries reach, and so what ours can be held to."""
