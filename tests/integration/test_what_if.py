"""`ackline audit what-if` on what the real pipeline has recorded: known outcomes, tried out under a longer wait."""

import json

from pathlib import Path
from typing import Any

from ackline.local_stack import Endpoints
from config.load import load
from sandbox.server import Sandbox
from tests.edge import SLACK_TOKEN
from tests.integration.recorded import SOON, config_with, recorded
from tests.integration.test_audit_command import ackline


LATER = "2099-01-01T00:00:00Z"


async def test_a_longer_wait_on_the_real_pipeline(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """One page is gone since its problem was over before, one is later, and of one nobody knows; told in every form."""
    async with Sandbox(token=SLACK_TOKEN) as sandbox:
        config = config_with(stack, tmp_path / "config.yaml", topic_prefix, sandbox, wait_minutes=SOON)
        longer = config_with(stack, tmp_path / "longer.yaml", topic_prefix, sandbox, wait_minutes=10)
        incidents = await recorded(load(config, {}).settings, sandbox, tmp_path / "data")
    live, export = ("--from", "10m", "--to", LATER), tmp_path / "day.jsonl.zst"
    await ackline("export", "--config", config, "--output", export)

    same = await compared(config, config, *live)
    report = await compared(config, longer, *live)
    of_export = await compared(config, longer, "--export", export)
    page = await ackline("audit", "what-if", "--config", config, "--with", longer, *live, "--format", "html")
    gate = "--fail-on", "missing-critical"
    failed = await ackline("audit", "what-if", "--config", config, "--with", longer, *live, *gate)
    passed = await ackline("audit", "what-if", "--config", config, "--with", config, *live, *gate)

    assert ([], 4, 0) == (same["changes"], same["incidents"], same["unlike_record"])
    kinds = {each["incident_id"]: each["kind"] for each in report["changes"]}
    expected = {"too late": "unknown", "nobody": "later", "over": "fewer"}
    assert {incidents[name]: kind for name, kind in expected.items()} == kinds
    assert ["oncall.wait_minutes"] == [each["path"] for each in report["settings"]]
    # An export knows nothing of the time after it, so what is not due by then is not over.
    assert (["fewer"], 2, 2) == (
        [each["kind"] for each in of_export["changes"]], of_export["incidents"], of_export["not_over"],
    )  # fmt: skip
    assert (0, "<!doctype html>") == (page[0], page[1].splitlines()[0])
    assert (1, "MISSING: 1 of the pages that would not be sent are critical") == (failed[0], failed[1].splitlines()[-1])
    assert 0 == passed[0]


async def compared(config: Path, changed: Path, *asked: str | Path) -> dict[str, Any]:
    """The comparison, as JSON has it."""
    code, text, problems = await ackline(
        "audit", "what-if", "--config", config, "--with", changed, *asked, "--format", "json"
    )
    assert 0 == code, problems
    told: dict[str, Any] = json.loads(text)
    return told


async def test_a_file_that_cannot_be_used_is_named(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """Two files are read, so the problem says which one it is in; and there is no traceback."""
    config = config_with(stack, tmp_path / "config.yaml", topic_prefix)
    wrong = config_with(stack, tmp_path / "new.yaml", topic_prefix, wait_minutes="soon")

    code, told, problems = await ackline("audit", "what-if", "--config", config, "--with", wrong)

    assert (1, "") == (code, told)
    assert problems.startswith(f"{wrong}: oncall.wait_minutes")
