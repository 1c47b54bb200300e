"""The commands that carry the topics' history elsewhere and back: `export`, `import`, `rebuild`."""

import sys

from pathlib import Path

import click

from ackline.options import CONFIG, STATE_DIR, Moment
from ackline.quiet import quiet_logs


# ruff: noqa: PLC0415, D301  # What a command needs is imported when it runs; click wants a real \b.


@click.command("export")
@click.option("-o", "--output", "path", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Where to. Conventionally it ends in .jsonl.zst.")  # fmt: skip
@click.option("--from", "from_ms", type=Moment(), metavar="TIME", help="Records from then on. Else from the first.")
@click.option("--to", "to_ms", type=Moment(), metavar="TIME", help="Records before then. Else all there are now.")
@click.option("--force", is_flag=True, help="Replace the file where there is one.")
@CONFIG
@STATE_DIR
def export_command(
    path: Path, from_ms: int | None, to_ms: int | None, config: Path, state_dir: Path, *, force: bool
) -> None:
    """Write what the topics hold into one file that proves itself.

    All eight topics, or what was written to them in a range of time, as JSON lines with zstd. Each line has a hash that
    depends on all lines before it: what is edited, taken out, put in, doubled or moved is found, and the first bad
    record named. The last hash, the head, is printed: keep it elsewhere, for it also finds what was rewritten as a whole.

    Changes nothing, and may run beside everything. What comes in after its start is not in it. The file is there only
    once it is whole. It has no secrets: topics hold the names of keys and never keys. It has what alerts say and who
    acknowledged them, so only you may read it.

    \b
    TIME is 2026-03-01T14:00:00Z, 2h (ago), yesterday 14:00, or now; without a zone it is your own.

    \b
    Examples:
      ackline export -o all.jsonl.zst
      ackline export --from 2h -o outage.jsonl.zst
      zstdcat outage.jsonl.zst | jq 'select(.topic == "acks")'
    """
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise click.UsageError("--from is not before --to")
    from ackline.export_command import run_export

    quiet_logs()
    sys.exit(0 if run_export(config, state_dir, path=path, from_ms=from_ms, to_ms=to_ms, force=force) else 1)


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--check", is_flag=True, help="Only check the file. Needs neither config nor Kafka.")
@click.option("--head", metavar="HASH", help="The head that the export printed; the file must have it.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@CONFIG
@STATE_DIR
def import_command(path: Path, head: str | None, config: Path, state_dir: Path, *, check: bool, yes: bool) -> None:
    """Write an export into an empty Kafka, to look at it there.

    The whole file is checked first, and nothing is written where a record of it was changed, or topics hold records
    already, or somebody consumes them. Missing topics are created. Each record gets its partition, key, bytes, headers
    and time.

    Never start roles on imported topics: to them every alert, deadline and page is new, and they tell Slack and PAGE
    PEOPLE for all of it, however old it is.

    Offsets are Kafka's to give. They are the same where the export began with the first record that ever was in a
    partition; else they begin at 0 again, and where the incident log names the record that caused something, it names
    the old offset. Topics keep records for 31 days by the records' own time, ticks for minutes: older ones vanish soon.

    \b
    Examples:
      ackline import outage.jsonl.zst --check --head 5f0c…
      ackline import outage.jsonl.zst --config elsewhere.yaml
    """
    from ackline.import_command import run_check, run_import

    quiet_logs()
    if check:
        sys.exit(0 if run_check(path, head=head) else 1)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("nobody is here to be asked: give --yes once you have read `ackline import --help`")
    sys.exit(0 if run_import(config, state_dir, path=path, head=head, ask=not yes) else 1)


@click.command("rebuild")
@CONFIG
@STATE_DIR
def rebuild_command(config: Path, state_dir: Path) -> None:
    """Fill the read model in Redis anew from the topics.

    For a Redis that is new or was emptied: what the API and the ACK page show of incidents is written again from the
    incident log. The pipeline goes on meanwhile, no page depends on it, and running it once too often changes nothing.

    \b
    Example:
      ackline rebuild --config config/config.yaml
    """
    from ackline.rebuild_command import run_rebuild

    quiet_logs()
    sys.exit(0 if run_rebuild(config, state_dir) else 1)
