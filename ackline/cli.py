"""The `ackline` command. What a command needs is imported when it runs, so that `--help` answers at once."""

import sys

from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import click

from ackline.audit_cli import audit, replay
from ackline.history import export_command, import_command, rebuild_command
from ackline.options import CONFIG, HEALTH_HOST, HEALTH_PORT, SINCE, STATE_DIR
from ackline.quiet import quiet_logs


# ruff: noqa: PLC0415, D301  # see above; and click wants a real \b before what it must not wrap


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
      ackline ingest --config config/config.yaml      (and streams, notifiers, projection, reconciler)
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


def _role(name: str, config: Path, state_dir: Path, health_port: int | None, health_host: str) -> None:
    from ackline.roles import run_role

    health = None if health_port is None else (health_host, health_port)
    sys.exit(run_role(name, config, state_dir, health))


@main.command()
@CONFIG
@STATE_DIR
@HEALTH_PORT
@HEALTH_HOST
def ingest(config: Path, state_dir: Path, health_port: int | None, health_host: str) -> None:
    """Run the HTTP edge: alerts and ACKs in, Kafka out.

    Serves /healthz, /readyz, /metrics and /docs beside its API, on the config's host and port. Run as many as you
    like behind a load balancer.
    """
    _role("ingest", config, state_dir, health_port, health_host)


@main.command()
@CONFIG
@STATE_DIR
@HEALTH_PORT
@HEALTH_HOST
def streams(config: Path, state_dir: Path, health_port: int | None, health_host: str) -> None:
    """Run a streams worker: incidents, deadlines, escalation.

    Its tables are kept in the state directory and rebuilt from Kafka where they are missing. Run up to one worker for
    each partition, each with a state directory of its own.

    \b
    Example:
      ackline streams --config config/config.yaml --state-dir /var/lib/ackline/1 --health-port 8081
    """
    _role("streams", config, state_dir, health_port, health_host)


@main.command()
@CONFIG
@STATE_DIR
@HEALTH_PORT
@HEALTH_HOST
def notifiers(config: Path, state_dir: Path, health_port: int | None, health_host: str) -> None:
    """Run a notifier: from Kafka to Slack and PagerDuty.

    Run up to one for each partition.
    """
    _role("notifiers", config, state_dir, health_port, health_host)


@main.command()
@CONFIG
@STATE_DIR
@HEALTH_PORT
@HEALTH_HOST
def projection(config: Path, state_dir: Path, health_port: int | None, health_host: str) -> None:
    """Run the projection: from Kafka to what people look up.

    It keeps what the API and the ACK page show of an incident. Run up to one for each partition. No page depends on it.
    """
    _role("projection", config, state_dir, health_port, health_host)


@main.command()
@CONFIG
@STATE_DIR
@HEALTH_PORT
@HEALTH_HOST
def reconciler(config: Path, state_dir: Path, health_port: int | None, health_host: str) -> None:
    """Run the reconciler: pages what no streams worker has.

    It compares what is due with what was decided, so that even a bug in a worker is no missed page. Run one.
    """
    _role("reconciler", config, state_dir, health_port, health_host)


@main.command()
@CONFIG
@STATE_DIR
def check(config: Path, state_dir: Path) -> None:
    """Check config, template, connections and topics.

    Each problem is told with its place in the config. Exits 0 when a start would succeed, else 1.
    """
    from ackline.check import run_check

    quiet_logs()
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

    quiet_logs()
    sys.exit(0 if run_topics(config, state_dir, apply=apply) else 1)


@main.group("dead-letters")
def dead_letters() -> None:
    """Look at records that could not be used, and try them again.

    What cannot be used is put aside in the topic dead-letters, with the reason: bytes that are no record, and what
    Slack or PagerDuty refused for good. Once the reason is gone, write it back.
    """


@dead_letters.command("list")
@CONFIG
@STATE_DIR
@SINCE
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, the newest.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def list_dead_letters(config: Path, state_dir: Path, since: timedelta | None, limit: int, form: str) -> None:
    """Show where each lies, where it came from, and why. Changes nothing.

    \b
    Example:
      ackline dead-letters list --since 2h
    """
    from ackline.dead_letters_command import run_list

    quiet_logs()
    sys.exit(0 if run_list(config, state_dir, since=since, limit=limit, as_json=form == "json") else 1)


@dead_letters.command("show")
@click.argument("place")
@CONFIG
@STATE_DIR
def show_dead_letter(place: str, config: Path, state_dir: Path) -> None:
    """Show one: why it is there, and what it holds, without secrets. Changes nothing.

    \b
    Example:
      ackline dead-letters show 3:17
    """
    from ackline.dead_letters_command import run_show

    quiet_logs()
    sys.exit(0 if run_show(config, state_dir, place=place) else 1)


@dead_letters.command("retry")
@click.argument("places", nargs=-1, metavar="[PLACE]...")
@click.option("--all", "everything", is_flag=True, help="All that were not written back yet.")
@SINCE
@click.option("--yes", is_flag=True, help="Do not ask. Scripts need it.")
@CONFIG
@STATE_DIR
def retry_dead_letters(
    places: tuple[str, ...], *, everything: bool, since: timedelta | None, yes: bool, config: Path, state_dir: Path
) -> None:
    """Write them back to the topics that they came from, once.

    Key and bytes are the record's own. One that still cannot be used is left where it is. One that fails again becomes
    a dead letter again, which says how often it has been tried. Exits 1 when one that was named is not written back.

    \b
    Examples:
      ackline dead-letters retry 3:17 0:4
      ackline dead-letters retry --all --since 2h --yes
    """
    if bool(places) == everything or (places and since):
        raise click.UsageError(
            "name PLACEs as `ackline dead-letters list` shows them, or give --all, with or without --since"
        )
    from ackline.dead_letters_command import run_retry

    quiet_logs()
    sys.exit(0 if run_retry(config, state_dir, places=places, since=since, ask=not yes) else 1)


main.add_command(export_command)
main.add_command(import_command)
main.add_command(rebuild_command)
main.add_command(audit)
main.add_command(replay)


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
