"""The command: `python -m faults.day [--incidents N] [--per-second N] [--seed N]`; exits 1 where anything is not as it must be."""

import asyncio
import shutil
import sys
import time

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import click

from rich.table import Table

from ackline.local_stack import LocalStackError
from ackline.logs import configure_logs
from faults.day.proofs import Proof, Proofs
from faults.day.recording import Day, recorded
from faults.deployment import Deployment, NotInTime, Surroundings, deployed
from faults.report import console
from faults.servers import Servers, servers


_MOST_SHOWN = 10


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--incidents", type=click.IntRange(1), default=20_000, show_default=True, help="How many, at least.")
@click.option("--per-second", type=click.FloatRange(1), default=100.0, show_default=True, help="How fast they come.")
@click.option("--tampered", type=click.IntRange(0), default=12, show_default=True,
              help="How many exports are tampered with.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="Chooses the incidents, and what is tampered with.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), default=Path(".ackline/day"),
              show_default=True, metavar="DIR", help="Where Kafka, Redis, the logs and the export are kept.")  # fmt: skip
def main(incidents: int, per_second: float, tampered: int, seed: int, state_dir: Path) -> None:
    """Record a day of incidents with faults in it, and have the audit prove all of it."""
    began, home = time.monotonic(), state_dir.resolve()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    configure_logs("faults", sink=(home / "faults.log").open("a"))
    try:
        with servers(home / "servers") as ours:
            record = partial(recorded, incidents=incidents, per_second=per_second, seed=seed)
            proofs = asyncio.run(_proved(ours, home / "day", record, tampered, seed))
    except (LocalStackError, NotInTime) as problem:
        raise click.ClickException(str(problem)) from problem
    _show(proofs, time.monotonic() - began)
    sys.exit(any(each.problems for each in proofs))


async def _proved(
    ours: Servers, home: Path, record: Callable[[Deployment], Awaitable[Day]], tampered: int, seed: int
) -> list[Proof]:
    async with deployed(home, ours, Surroundings.PLAIN) as deployment:
        return await Proofs(deployment, await record(deployment)).all(tampered_with=tampered, seed=seed)


def _show(proofs: Sequence[Proof], seconds: float) -> None:
    shown = Table("", "what", "found", title=f"A recorded day ({seconds:.0f} s)")
    for each in proofs:
        shown.add_row("✗" if each.problems else "✓", each.name, each.words, style="red" if each.problems else "")
    console.print(shown)
    for each in proofs:
        for problem in each.problems[:_MOST_SHOWN]:
            console.print(f"✗ {each.name}: {problem}", style="red", markup=False)
        if (more := len(each.problems) - _MOST_SHOWN) > 0:
            console.print(f"✗ {each.name}: … and {more:,} more", style="red", markup=False)


main()
