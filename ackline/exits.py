"""The exit codes of the commands, which scripts and the supervisor go by."""

EXIT_FAILED = 1
"""It could not go on, or a check found something."""

EXIT_CONFIG = 78
"""What is wrong is in the configuration, and stays wrong until it is changed (sysexits.h: EX_CONFIG)."""

EXIT_KILLED = 130
"""Ended at once, by a second signal."""
