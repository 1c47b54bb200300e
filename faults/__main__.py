"""The command: `python -m faults [--only NAME]… [--seed N] [--rounds N]`; exits 1 where something was lost or wrong."""

import asyncio
import shutil
import sys
import time

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import click

from ackline.local_stack import LocalStackError
from ackline.logs import configure_logs
from faults import report
from faults.row import Place, Row, run
from faults.rows import ROWS
from faults.servers import Servers, servers
from faults.verdict import Result


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", multiple=True, metavar="NAME", help="Run this row; may be given again. All unless given.")
@click.option("--seed", default=1, show_default=True, help="Chooses the load, and where and when a fault strikes.")
@click.option("--rounds", type=click.IntRange(1), help="How often what strikes in rounds strikes.")
@click.option("--jobs", type=click.IntRange(1), default=4, show_default=True,
              help="How many rows run at once, of those that harm neither Kafka nor Redis.")  # fmt: skip
@click.option("--list", "only_list", is_flag=True, help="Show the rows and what happens in each.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), default=Path(".ackline/faults"),
              show_default=True, metavar="DIR", help="Where Kafka, Redis and the logs of every row are kept.")  # fmt: skip
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Where the results are written, instead of faults/results/.")  # fmt: skip
def main(  # noqa: PLR0913, PLR0917  # click's way
    only: tuple[str, ...], seed: int, rounds: int | None, jobs: int, only_list: bool, state_dir: Path, file: Path | None
) -> None:
    """Do to a pipeline what can happen to one, and count what became of every alert."""
    rows = _chosen(only)
    if only_list:
        for row in rows:
            click.echo(f"{row.name:28} {row.words}")
        return
    began = time.monotonic()
    home = state_dir.resolve()
    # What an earlier run has left behind would only make the servers slower.
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    configure_logs("faults", sink=(home / "faults.log").open("a"))
    try:
        with servers(home / "quiet") as quiet, servers(home / "harmed") as harmed:
            play = partial(_play, home=home / "rows", seed=seed, rounds=rounds)
            results = asyncio.run(_all(rows, play, quiet, harmed, jobs))
    except LocalStackError as problem:
        raise click.ClickException(str(problem)) from problem
    report.table(results, time.monotonic() - began)
    click.echo(report.write(results, file))
    sys.exit(not all(result.has_passed for result in results))


def _chosen(only: Sequence[str]) -> list[Row]:
    names = {row.name for row in ROWS}
    if unknown := set(only) - names:
        raise click.BadParameter(f"no such row: {', '.join(sorted(unknown))}; --list shows them", param_hint="--only")
    return [row for row in ROWS if not only or row.name in only]


async def _play(row: Row, ours: Servers, *, home: Path, seed: int, rounds: int | None) -> Result:
    result = await run(row, ours, home, seed=seed, rounds=rounds)
    report.line(result)
    return result


async def _all(
    rows: Sequence[Row], play: Callable[[Row, Servers], Awaitable[Result]], quiet: Servers, harmed: Servers, jobs: int
) -> list[Result]:
    """Every row: some at once, beside them one after another those that harm servers, and then those that need it all."""
    gate = asyncio.Semaphore(jobs)

    async def one(row: Row) -> Result:
        async with gate:
            return await play(row, quiet)

    async def one_by_one(rows: Sequence[Row]) -> list[Result]:
        return [await play(row, harmed) for row in rows]

    harming = one_by_one([row for row in rows if row.place is Place.HARMING])
    others = asyncio.gather(*[one(row) for row in rows if row.place is Place.BESIDE_OTHERS])
    harmful, together = await asyncio.gather(harming, others)
    return [*together, *harmful, *await one_by_one([row for row in rows if row.place is Place.ALONE])]


main()
