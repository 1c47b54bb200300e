"""`ackline topics`: each topic on a line of its own, wanted against found."""

import asyncio

from collections.abc import Iterator
from pathlib import Path

import click

from ackline.configuration import load_for_a_role
from ackline.topics_admin import TopicReport, TopicsError, ensure_topics, inspect_topics
from config.load import ConfigError


def run_topics(config: Path, state_dir: Path, *, apply: bool) -> bool:
    """Show the topics, after creating the missing ones where that is asked for; says whether all are as needed."""
    try:
        kafka = load_for_a_role(config, state_dir).settings.kafka
        reports = asyncio.run(ensure_topics(kafka) if apply else inspect_topics(kafka))
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
        return False
    except TopicsError as error:
        click.echo(str(error), err=True)
        return False
    for line in lines(reports):
        click.echo(line)
    return all(report.found and not report.has_wrong_partitions for report in reports)


def lines(reports: list[TopicReport]) -> Iterator[str]:
    """A line for each topic, in columns."""
    width = max(len(report.spec.name) for report in reports)
    for report in reports:
        topic = report.found or report.spec
        counts = f"{topic.partitions:>4} partitions  {topic.replication_factor:>2} copies"
        yield f"{report.spec.name:<{width}} {counts}  {_state(report)}"


def _state(report: TopicReport) -> str:
    if report.found is None:
        return "missing; --apply creates it"
    return "; ".join(report.differences) or "as it should be"
