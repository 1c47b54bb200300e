"""The `ackline` command. What a command needs is imported when it runs, so that `--help` answers at once."""

import sys

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import click


# ruff: noqa: PLC0415, D301  # see above; and click wants a real \b before what it must not wrap

Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config/config.yaml"),
    show_default=True,
    metavar="FILE",
    help="The config file.",
)
STATE_DIR = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".ackline"),
    show_default=True,
    metavar="DIR",
    help="Where local data is kept: tables, and the local Kafka's and Redis's. One for each process on a machine.",
)
HEALTH_PORT = click.option(
    "--health-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve /healthz, /readyz and /metrics on this port. Off unless given.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("ackline"), prog_name="ackline")
def main() -> None:
    """Escalate what nobody acknowledges.

    An alert comes in and is told in Slack with an acknowledge link; if nobody acknowledges it in time, PagerDuty is
    triggered. No alert is lost on the way, whatever is killed or unreachable.

    \b
    To see it work, with nothing but this command:
      ackline demo
    To run it on one machine, with your Slack and PagerDuty:
      ackline check --config config/config.yaml
      ackline up --config config/config.yaml
    To run it in production, with your Kafka and Redis, each role as often as you like:
      ackline topics --config config/config.yaml --apply
      ackline ingest --config config/config.yaml      (and streams, notifiers, projection)
    """


@main.command()
@click.option("--check", is_flag=True, help="Run the scenarios with short waits, print a table, exit 0 or 1.")
@STATE_DIR
def demo(*, check: bool, state_dir: Path) -> None:
    """Show the whole pipeline at work.

    Slack and PagerDuty are stand-ins. Starts all it needs on this machine, runs through what can happen to an alert before your eyes, and stays up with
    its links until Ctrl-C.

    \b
    Examples:
      ackline demo
      ackline demo --check
    """
    from ackline.demo import main as run_demo

    sys.exit(run_demo(check, state_dir))


@main.command()
@CONFIG
@STATE_DIR
def up(config: Path, state_dir: Path) -> None:
    """Run every role of the pipeline on this machine.

    Kafka and Redis are started locally where the config names none. A role that dies is started again; Ctrl-C or
    SIGTERM stops everything cleanly, and the next start goes on where this one ended.

    \b
    Example:
      ackline up --config config/config.yaml --state-dir /var/lib/ackline
    """
    from ackline.up import run_up

    sys.exit(run_up(config, state_dir))


def _role(name: str, config: Path, state_dir: Path, health_port: int | None = None) -> None:
    from ackline.roles import run_role

    sys.exit(run_role(name, config, state_dir, health_port))


@main.command()
@CONFIG
@STATE_DIR
def ingest(config: Path, state_dir: Path) -> None:
    """Run the HTTP edge: alerts and ACKs in, Kafka out.

    Serves /healthz, /readyz, /metrics and /docs beside its API, on the config's host and port. Run as many as you
    like behind a load balancer.
    """
    _role("ingest", config, state_dir)


@main.command()
@CONFIG
@STATE_DIR
@HEALTH_PORT
def streams(config: Path, state_dir: Path, health_port: int | None) -> None:
    """Run a streams worker: incidents, deadlines, escalation.

    Its tables are kept in the state directory and rebuilt from Kafka where they are missing. Run up to one worker for
    each partition, each with a state directory of its own.

    \b
    Example:
      ackline streams --config config/config.yaml --state-dir /var/lib/ackline/1 --health-port 8081
    """
    _role("streams", config, state_dir, health_port)


@main.command()
@CONFIG
@STATE_DIR
@HEALTH_PORT
def notifiers(config: Path, state_dir: Path, health_port: int | None) -> None:
    """Run a notifier: from Kafka to Slack and PagerDuty.

    Run up to one for each partition.
    """
    _role("notifiers", config, state_dir, health_port)


@main.command()
@CONFIG
@STATE_DIR
@HEALTH_PORT
def projection(config: Path, state_dir: Path, health_port: int | None) -> None:
    """Run the projection: from Kafka to what people look up.

    It keeps what the API and the ACK page show of an incident. Run up to one for each partition. No page depends on it.
    """
    _role("projection", config, state_dir, health_port)


@main.command()
@CONFIG
@STATE_DIR
def check(config: Path, state_dir: Path) -> None:
    """Check config, template, connections and topics.

    Each problem is told with its place in the config. Exits 0 when a start would succeed, else 1.
    """
    from ackline.check import run_check

    _quiet_logs()
    sys.exit(0 if run_check(config, state_dir, click.echo) else 1)


@main.command()
@CONFIG
@STATE_DIR
@click.option("--apply", is_flag=True, help="Create the missing ones. Existing ones are never changed.")
def topics(config: Path, state_dir: Path, *, apply: bool) -> None:
    """Show the topics on the broker, or create them.

    Exits 0 when all are there with the right number of partitions, else 1.
    """
    from ackline.topics_command import run_topics

    _quiet_logs()
    sys.exit(0 if run_topics(config, state_dir, apply=apply) else 1)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=4000, show_default=True, help="0 takes any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
def sandbox(port: int, host: str) -> None:
    """Run stand-ins for Slack and PagerDuty alone.

    They check requests as the real ones do, keep what arrives, and show it on a page. Name them in the config:

    \b
      alert.slack.api_url: http://127.0.0.1:4000/slack/api
      oncall.pagerduty.events_url: http://127.0.0.1:4000/pagerduty
    """
    from sandbox.server import main as serve

    sys.exit(serve(port, host))


def _quiet_logs() -> None:
    """These commands say themselves what is wrong; a client's log of every attempt would only hide it."""
    import logging

    logging.disable(logging.CRITICAL)
