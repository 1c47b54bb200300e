"""The command: `python -m bench [--quick] [--only NAME]… [--rounds N]`; exits 1 where something could not be measured."""

import shutil
import time

from collections.abc import Sequence
from pathlib import Path

import click
import uvloop

from aiokafka.errors import KafkaError

from ackline.local_stack import LocalStackError, local_stack
from ackline.logs import configure_logs
from bench import machine, report, topics
from bench.alerts import alerts
from bench.benches import BENCHES
from bench.figures import CannotMeasure, Figure, Line, Round, lines
from bench.ground import Ground, site
from bench.measure import Bench, Scale


_WARM_UP = 20_000
"""Records."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Less of everything, and once: under three minutes.")
@click.option("--only", multiple=True, metavar="NAME", help="Run this bench; may be given again. All unless given.")
@click.option("--rounds", type=click.IntRange(1), help="How often each is measured.")
@click.option("--list", "only_list", is_flag=True, help="Show the benches, and what each is measured against.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), default=Path(".ackline/bench"),
              show_default=True, metavar="DIR", help="Where Kafka, Redis and all logs are kept while it runs, and after it where it failed.")  # fmt: skip
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Where the results are written, instead of bench/results/.")  # fmt: skip
def main(  # click's way
    quick: bool, only: tuple[str, ...], rounds: int | None, only_list: bool, state_dir: Path, file: Path | None
) -> None:
    """Measure how fast the pipeline is, each figure beside its limit."""
    benches = _chosen(only, quick=quick)
    if only_list:
        for bench in benches:
            click.echo(f"{bench.name:12} {bench.words} Against: {bench.against}.")
        return
    # Every run begins with an empty Kafka: what earlier ones left there would be a load on it.
    facts, home = machine.facts(), state_dir.resolve() / time.strftime("%Y%m%d-%H%M%S")
    home.mkdir(parents=True)
    configure_logs("bench", sink=(home / "bench.log").open("a"))
    failed: dict[str, str] = {}
    try:
        with local_stack(home) as stack:
            found = uvloop.run(_measured(benches, Ground(stack, home), Scale(quick), rounds, failed))
    except LocalStackError as problem:
        raise click.ClickException(str(problem)) from problem
    report.console.print(report.table(found, facts))
    for name, reason in failed.items():
        report.console.print(f"✗ {name}: {reason}", style="red", markup=False)
    click.echo(report.write(found, facts, failed, file))
    if failed:
        raise click.ClickException(f"not all could be measured; the logs are in {home}")
    shutil.rmtree(home)


def _chosen(only: Sequence[str], *, quick: bool) -> list[Bench]:
    names = {bench.name for bench in BENCHES}
    if unknown := set(only) - names:
        raise click.BadParameter(f"no such bench: {', '.join(sorted(unknown))}; --list shows them", param_hint="--only")
    return [bench for bench in BENCHES if bench.name in only or (not only and (bench.in_quick or not quick))]


async def _measured(
    benches: Sequence[Bench], ground: Ground, scale: Scale, rounds: int | None, failed: dict[str, str]
) -> list[Line]:
    """Every bench, one after the other. One that cannot be measured is no reason not to measure the others."""
    await _warm_up(ground)
    found: list[Line] = []
    for bench in benches:
        began, taken = time.monotonic(), list[Round]()
        for _ in range(rounds or (1 if scale.is_quick else bench.rounds)):
            taken.append(await _round(bench, ground, scale, failed))
        found += lines(bench.name, taken)
        click.echo(f"{bench.name}: {time.monotonic() - began:.0f} s", err=True)
    return found


async def _warm_up(ground: Ground) -> None:
    """A Kafka that has just begun is slow: Java compiles what is used often, and the first bench would pay for it."""
    async with site(ground, "warm-up") as here, topics.reading(here.settings.kafka) as reading:
        name = topics.named(here.settings.kafka, topics.LIMIT_TOPICS[0])
        await topics.write(here.settings.kafka, name, alerts(range(_WARM_UP)))
        await reading.moments(name)


async def _round(bench: Bench, ground: Ground, scale: Scale, failed: dict[str, str]) -> Round:
    """What could be measured of a round."""
    before, figures = machine.usage(), list[Figure]()
    try:
        async for figure in bench.measure(ground, scale):
            figures.append(figure)  # What was measured before something failed is kept.
    except (CannotMeasure, KafkaError, OSError) as problem:
        failed[bench.name] = str(problem) or type(problem).__name__
    return Round(figures, machine.used_by_others(before, machine.usage()))


main()
