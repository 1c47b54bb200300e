"""`ackline topics`: the topics as a table, wanted against found."""

import asyncio

from pathlib import Path

from rich.console import Console
from rich.table import Table

from ackline.configuration import load_for_a_role
from ackline.topics_admin import TopicReport, TopicsError, ensure_topics, inspect_topics
from config.load import ConfigError


def run_topics(config: Path, state_dir: Path, *, apply: bool) -> bool:
    """Show the topics, after creating the missing ones where that is asked for; says whether all are as needed."""
    told = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        kafka = load_for_a_role(config, state_dir).settings.kafka
        reports = asyncio.run(ensure_topics(kafka) if apply else inspect_topics(kafka))
    except ConfigError as error:
        for problem in error.problems:
            told.print(problem)
        return False
    except TopicsError as error:
        told.print(str(error))
        return False
    Console().print(_table(reports))
    return all(report.found and not report.has_wrong_partitions for report in reports)


def _table(reports: list[TopicReport]) -> Table:
    table = Table("topic", "partitions", "replication", "state")
    for report in reports:
        found = report.found or report.spec
        table.add_row(report.spec.name, str(found.partitions), str(found.replication_factor), _state(report))
    return table


def _state(report: TopicReport) -> str:
    if report.found is None:
        return "missing; --apply creates it"
    return "; ".join(report.differences) or "as it should be"
