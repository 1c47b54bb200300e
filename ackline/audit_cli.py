"""The commands that read the topics afterwards. What a command needs is imported when it runs, as in `ackline.cli`."""

import sys

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ackline.options import CONFIG, STATE_DIR, Ago, Label, Moment
from ackline.quiet import quiet_logs


# ruff: noqa: PLC0415, D301  # see `ackline.cli`

Command = TypeVar("Command", bound=Callable[..., Any])

TIMES = "RFC 3339, or 2h, yesterday 14:00, 14:00, now."
DAY_MS = 24 * 3_600_000
EXPORT = click.option(
    "--export",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Read what `ackline export` has written, and no Kafka.",
)
UNTIL = click.option("--to", "to_ms", type=Moment(), metavar="TIME", help="Until then; now unless given.")


def opened_since(span: str) -> Callable[[Command], Command]:
    """From when on incidents count."""
    told = f"What was opened since then; {span} unless given, or all of an export. {TIMES}"
    return click.option("--from", "from_ms", type=Moment(), metavar="TIME", help=told)


def pictured(with_what: str) -> Callable[[Command], Command]:
    """What is printed, of a command that can draw it too."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["table", "json", "html"]),
        default="table",
        show_default=True,
        help=f"html: one file, with {with_what}.",
    )


@click.group()
def audit() -> None:
    """Prove from the topics what became of every alert.

    Reads without a consumer group and changes nothing, while the pipeline runs or while it does not.
    """


@audit.command()
@CONFIG
@STATE_DIR
@click.option("--from", "from_ms", type=Moment(), metavar="TIME",
              help=f"Judge what began since then; 8d unless given, or all of an export. {TIMES} "
              "Further back than the longest wait, or nobody ever judges it.")  # fmt: skip
@click.option("--to", "to_ms", type=Moment(), metavar="TIME", help="Judge as if it were that time; now unless given.")
@click.option("--export", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Judge what `ackline export` has written, and that it is what was written.")  # fmt: skip
@click.option(
    "--margin",
    type=Ago(),
    default="60s",
    show_default=True,
    metavar="LENGTH",
    help="What was due within so long before that is not judged yet.",
)
@click.option(
    "--late-after",
    type=Ago(),
    default="60s",
    show_default=True,
    metavar="LENGTH",
    help="A page that comes later after its deadline is a finding.",
)
@click.option(
    "--recompute", is_flag=True, help="Decide about everything anew, with today's code and settings, and compare."
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def verify(config: Path, state_dir: Path, form: str, export: Path | None, **asked: Any) -> None:
    """Prove that no escalation was lost.

    Each alert that was accepted with on-call on owes a page, unless it is acknowledged, resolved, or a repeat. Each of
    these obligations must have ended exactly once, in time, and through its own key, or not be due yet. What is not so
    is told, with the records that show it. Exits 0 when all is well, else 1.

    \b
    Examples:
      ackline audit verify
      ackline audit verify --from 30d --recompute
      ackline audit verify --export outage.jsonl.zst
      ackline audit verify --from 'yesterday 00:00' --to 'today 00:00' --format json
    """
    from ackline.audit_command import Asked, run_verify

    quiet_logs()
    sys.exit(0 if run_verify(config, state_dir, Asked(**asked), export=export, as_json=form == "json") else 1)


@audit.command()
@CONFIG
@STATE_DIR
@opened_since("7d")
@UNTIL
@EXPORT
@pictured("plots")
def report(config: Path, state_dir: Path, form: str, **asked: Any) -> None:
    """How fast incidents are acknowledged and resolved, how many are paged, and how many needed nobody.

    MTTA, MTTR, ack rate, escalation rate and noise, by source and by team (the label of that name), of the incidents that
    were opened in this time; and everything that was counted in it, as the metrics of the roles count it.

    \b
    Examples:
      ackline audit report --from 30d
      ackline audit report --from 30d --format html > report.html
    """
    from ackline.audit_feed import Window
    from ackline.figures_command import run_report

    quiet_logs()
    sys.exit(0 if run_report(config, state_dir, Window(**asked, look_back_ms=7 * DAY_MS), form) else 1)


@audit.command("what-if")
@CONFIG
@STATE_DIR
@click.option(
    "--with",
    "changed",
    type=click.Path(path_type=Path),
    required=True,
    metavar="NEW.yaml",
    help="The config file to try out: a whole one. Only its settings are used, and nothing is sent.",
)
@opened_since("30d")
@UNTIL
@EXPORT
@pictured("charts")
@click.option(
    "--fail-on",
    type=click.Choice(["missing-critical"]),
    help="Exit 1 when a page of a critical alert would not be sent: for the CI of your configuration.",
)
def what_if(config: Path, state_dir: Path, changed: Path, form: str, fail_on: str | None, **asked: Any) -> None:
    """Who would have been paged under other settings.

    Runs the recorded alerts and ACKs through the settings in force and through those of NEW.yaml, in virtual time, and
    compares: pages more, fewer, earlier, later, and through another key or told in another channel. What depends on an
    ACK that nobody would have been asked for is unknown, and said to be.

    \b
    Examples:
      ackline audit what-if --with new.yaml
      ackline audit what-if --with new.yaml --from 7d --format html > what-if.html
      ackline audit what-if --with new.yaml --export month.jsonl.zst --fail-on missing-critical
    """
    from ackline.audit_feed import Window
    from ackline.what_if_command import run_what_if

    quiet_logs()
    window = Window(**asked, look_back_ms=30 * DAY_MS)
    sys.exit(0 if run_what_if(config, state_dir, window, changed, form=form, fail_on=fail_on) else 1)


@click.command()
@CONFIG
@STATE_DIR
@click.option("--from", "from_ms", type=Moment(), default="24h", show_default=True, metavar="TIME", help=TIMES)
@click.option("--to", "to_ms", type=Moment(), default="now", show_default=True, metavar="TIME", help="Until then.")
@click.option("--incident", metavar="ID", help="Only this one.")
@click.option("--source-key", metavar="KEY", help="Only those of this problem: what an incident's id begins with.")
@click.option(
    "--label",
    "labels",
    type=Label(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Only those whose alert has this label; more than one must all be there.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "jsonl", "html"]),
    default="table",
    show_default=True,
    help="html: one file for a post-mortem.",
)
@click.option("--follow", is_flag=True, help="Go on with what happens next, until Ctrl-C. Not for json and html.")
def replay(config: Path, state_dir: Path, **asked: Any) -> None:
    """Tell each incident's story, from the records alone.

    What happened, which record says so and which one caused it, how late, and why somebody was paged or nobody. Changes
    nothing and sends nothing.

    \b
    Examples:
      ackline replay --from 2h --label team=infra
      ackline replay --from 'yesterday 14:00' --to 'yesterday 16:00' --format html > post-mortem.html
      ackline replay --from 7d --incident xqv3…-7k2m…
      ackline replay --from now --follow
    """
    if asked["follow"] and asked["form"] in {"json", "html"}:
        raise click.UsageError("--follow has no end, and so no file: give --format table or jsonl")
    from ackline.replay_command import Request, run_replay

    quiet_logs()
    sys.exit(0 if run_replay(config, state_dir, Request(**asked)) else 1)
