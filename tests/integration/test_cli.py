"""The command as people and scripts use it: help, checks, exit codes."""

import subprocess
import sys

from pathlib import Path

import pytest

from ackline.exits import EXIT_CONFIG
from ackline.local_stack import Endpoints


CONFIG = """
alert: {slack: {token: xoxb-for-tests, channel_id: C0123456789}}
oncall: {pagerduty: {routing_key: R0123456789abcdefghijklmnopqrstu}}
"""

COMMANDS = [
    "demo", "up", "ingest", "streams", "notifiers", "projection", "reconciler", "check", "topics", "dead-letters",
    "export", "import", "rebuild", "audit", "replay", "sandbox",
]  # fmt: skip


def ackline(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "ackline", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def config_in(directory: Path, text: str = CONFIG) -> Path:
    path = directory / "config.yaml"
    path.write_text(text)
    return path


def config_for(stack: Endpoints, directory: Path, prefix: str, partitions: int = 1) -> Path:
    redis = f"{{host: {stack.redis_host}, port: {stack.redis_port}, password: {stack.redis_password}}}"
    kafka = f"{{bootstrap_servers: '{stack.bootstrap_servers}', topic_prefix: {prefix}, partitions: {partitions}}}"
    return config_in(directory, f"{CONFIG}\nredis: {redis}\nkafka: {kafka}\n")


def test_help_names_every_command() -> None:
    """A newcomer finds each of them, and how to begin."""
    told = ackline("--help").stdout

    assert [] == [command for command in COMMANDS if f"\n  {command} " not in told]
    assert "ackline demo" in told


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    """Its help says what it does and what it takes."""
    done = ackline(command, "--help")

    assert 0 == done.returncode
    assert f"Usage: python -m ackline {command}" in done.stdout


@pytest.mark.parametrize("role", ["ingest", "streams", "notifiers", "projection", "reconciler", "up"])
def test_a_role_refuses_a_wrong_config_with_the_place_of_each_problem(role: str, tmp_path: Path) -> None:
    """The exit code says that no restart will help, and no traceback hides the message."""
    config = config_in(tmp_path, CONFIG + "kafka: {partitons: 8}\nport: many\n")

    done = ackline(role, "--config", config, "--state-dir", tmp_path / "state")

    assert EXIT_CONFIG == done.returncode
    assert [] == [place for place in ("kafka.partitons", "port") if f"{place}: " not in done.stderr]
    assert "Traceback" not in done.stderr


def test_a_role_alone_needs_a_kafka_and_a_redis(tmp_path: Path) -> None:
    """Where none is named and none runs locally, it says how to get them."""
    done = ackline("notifiers", "--config", config_in(tmp_path), "--state-dir", tmp_path / "state")

    assert EXIT_CONFIG == done.returncode
    assert "kafka.bootstrap_servers: names no Kafka" in done.stderr
    assert "redis.host: names no Redis" in done.stderr


def test_check_and_topics_from_nothing_to_ready(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """The check misses the topics, `topics --apply` creates them, and the check passes."""
    options = ["--config", config_for(stack, tmp_path, topic_prefix)]

    missing, shown = ackline("check", *options), ackline("topics", *options)
    applied, checked = ackline("topics", *options, "--apply"), ackline("check", *options)

    assert [1, 1, 0, 0] == [done.returncode for done in (missing, shown, applied, checked)]
    assert f"topics are missing: {topic_prefix}alerts" in missing.stdout
    assert "missing; --apply creates it" in shown.stdout
    assert 11 == applied.stdout.count("as it should be")
    assert 3 == checked.stdout.count("✓")


def test_check_tells_every_connection_that_fails(tmp_path: Path) -> None:
    """With the place in the config, and without waiting long."""
    elsewhere = "redis: {host: 127.0.0.1, port: 1}\nkafka: {bootstrap_servers: '127.0.0.1:1'}\n"

    done = ackline("check", "--config", config_in(tmp_path, CONFIG + elsewhere))

    assert 1 == done.returncode
    assert "✗ kafka.bootstrap_servers: no Kafka answers at 127.0.0.1:1" in done.stdout
    assert "✗ redis.host: no Redis answers at 127.0.0.1:1" in done.stdout
    assert "" == done.stderr


def test_check_tells_a_wrong_password(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """As what it is, and without repeating it."""
    wrong = Endpoints(stack.bootstrap_servers, stack.redis_host, stack.redis_port, "not-the-password")

    done = ackline("check", "--config", config_for(wrong, tmp_path, topic_prefix))

    assert f"✗ redis.password: Redis at {stack.redis_host}:{stack.redis_port} refuses it" in done.stdout
    assert "not-the-password" not in done.stdout + done.stderr


def test_topics_with_other_partitions_are_refused(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """They stay as they are, and the command says what to set."""
    ackline("topics", "--apply", "--config", config_for(stack, tmp_path, topic_prefix))

    done = ackline("topics", "--apply", "--config", config_for(stack, tmp_path, topic_prefix, partitions=2))

    assert 1 == done.returncode
    assert f"kafka.partitions: is 2, but on the broker {topic_prefix}alerts has 1" in done.stderr
