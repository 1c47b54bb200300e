"""`ackline audit report` on what the real pipeline has recorded, against what the running roles counted meanwhile."""

import json

from pathlib import Path
from typing import Any

import pytest

from prometheus_client import REGISTRY

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.load import load
from sandbox.server import Sandbox
from tests.edge import SLACK_TOKEN
from tests.integration.recorded import SOON, config_with, recorded
from tests.integration.test_audit_command import ackline


COUNTERS = {
    "ackline_alerts_correlated_total": ("alerts", ("reason",)),
    "ackline_pages_decided_total": ("pages", ("reason",)),
    "ackline_acks_decided_total": ("acks", ("claim",)),
    "ackline_notifications_delivered_total": ("delivered", ("destination", "kind")),
}
LATENESS = {
    "ackline_page_decision_lateness_seconds": "lateness_decided",
    "ackline_page_lateness_seconds": "lateness_delivered",
}


def live() -> dict[str, float]:
    """What the roles in this process have counted, under the names that the report has for it."""
    found: dict[str, float] = {}
    for sample in (sample for metric in REGISTRY.collect() for sample in metric.samples):
        if sample.name in COUNTERS:
            subject, labels = COUNTERS[sample.name]
            name = " ".join([subject, *(sample.labels[label] for label in labels)])
            found[name] = found.get(name, 0) + sample.value
        for metric, name in LATENESS.items():
            if sample.name in {f"{metric}_count", f"{metric}_sum"}:
                found[f"{name}{sample.name.removeprefix(metric)}"] = sample.value
    return found


async def test_the_figures_are_what_the_metrics_counted(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """Every counter, and how late the pages were; and the rates are those of the story. An export has them too."""
    before = live()
    async with Sandbox(token=SLACK_TOKEN) as sandbox:
        config = config_with(stack, tmp_path / "config.yaml", topic_prefix, sandbox, wait_minutes=SOON)
        await recorded(load(config, {}).settings, sandbox, tmp_path / "data")
    counted = {name: value - before.get(name, 0) for name, value in live().items() if value != before.get(name, 0)}
    export = tmp_path / "day.jsonl.zst"

    report = await figures(config, "--from", "10m")
    await ackline("export", "--config", config, "--output", export)
    of_export = await figures(config, "--export", export)

    assert {name: count for name, count in counted.items() if not name.startswith("lateness")} == report["counted"]
    for name in LATENESS.values():
        times = report[name]
        assert counted[f"{name}_count"] == times["count"]
        # A mean is rounded to a millisecond, for each page.
        assert abs(counted[f"{name}_sum"] * 1000 - times["mean_ms"] * times["count"]) <= times["count"]
    total = report["total"]
    names = "incidents", "oncall", "acknowledged", "acknowledged_in_time", "paged", "resolved"
    assert (4, 4, 2, 1, 3, 1) == tuple(total[name] for name in names)
    assert (0.5, 0.75, 0.25) == (total["ack_rate"], total["escalation_rate"], total["noise"])
    assert (total, report["counted"]) == (of_export["total"], of_export["counted"])


async def figures(config: Path, *asked: str | Path) -> dict[str, Any]:
    """The report, as JSON has it."""
    code, text, problems = await ackline("audit", "report", "--config", config, *asked, "--format", "json")
    assert 0 == code, problems
    told: dict[str, Any] = json.loads(text)
    return told


@pytest.mark.parametrize(("form", "begins"), [("html", "<!doctype html>"), ("table", "From ")])
async def test_a_report_of_nothing_is_one(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, form: str, begins: str
) -> None:
    """Before the first alert there is nothing to tell, and nothing wrong."""
    config = config_with(stack, tmp_path / "config.yaml", topic_prefix)
    await ensure_topics(load(config, {}).settings.kafka)

    code, text, _ = await ackline("audit", "report", "--config", config, "--format", form)

    assert (0, begins) == (code, text[: len(begins)])
