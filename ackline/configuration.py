"""Loads the config for a command, together with what it does not name and a local stack provides."""

import os

from pathlib import Path

from ackline.local_stack import Endpoints, running_stack
from config.load import ConfigError, Loaded, load


NOTHING_LOCAL = Endpoints()


def load_with(path: Path, endpoints: Endpoints) -> Loaded:
    """The settings, with these endpoints where the file names no Kafka or no Redis of its own."""
    return load(path, {**os.environ, **endpoints.environ()})


def load_for_a_role(path: Path, state_dir: Path) -> Loaded:
    """The settings for a process that needs Kafka and Redis and starts neither.

    Where the file names none, a local stack that `ackline up` runs in the same state directory will do.
    """
    loaded = load(path, os.environ)
    if _unnamed(loaded):
        loaded = load_with(path, running_stack(state_dir) or NOTHING_LOCAL)
    if problems := _unnamed(loaded):
        raise ConfigError(problems)
    return loaded


def _unnamed(loaded: Loaded) -> list[str]:
    settings = loaded.settings
    named = {
        "kafka.bootstrap_servers": ("Kafka", "KAFKA_BOOTSTRAP_SERVERS", settings.kafka.bootstrap_servers),
        "redis.host": ("Redis", "REDIS_HOST", settings.redis.host),
    }
    return [
        f"{path}: names no {what}; set it, or ${variable}, or run `ackline up`, which starts a local one"
        for path, (what, variable, value) in named.items()
        if not value
    ]
