"""Plays the scenarios: one by one for people who watch, or all at once for a verdict."""

import asyncio

from dataclasses import replace

from ackline.demo.report import Report, Result
from ackline.demo.scenarios import SCENARIOS, Scenario
from ackline.demo.settings import WAIT_SECONDS
from ackline.demo.world import Unexpected, World


async def one_by_one(world: World, report: Report) -> list[Result]:
    """Play them in turn, and tell all that happens."""
    results = []
    for number, scenario in enumerate(SCENARIOS, start=1):
        report.heading(f"{number}. {scenario.name}")
        results.append(await _result(scenario, world))
        if not results[-1].has_passed:
            report.line(f"  ✗ expected {results[-1].expected}; seen: {results[-1].seen}", "red")
    return results


async def all_at_once(world: World, report: Report) -> list[Result]:
    """Play them side by side, and tell only what came of them."""
    report.line(f"Playing {len(SCENARIOS)} scenarios at once, with {WAIT_SECONDS} s to acknowledge …")
    quiet = replace(world, tell=lambda _line: None)
    return await asyncio.gather(*(_result(scenario, quiet) for scenario in SCENARIOS))


async def _result(scenario: Scenario, world: World) -> Result:
    try:
        return Result(name=scenario.name, remark=await scenario.play(world))
    except Unexpected as problem:
        return Result(name=scenario.name, expected=problem.expected, seen=problem.seen)
    except Exception as problem:  # noqa: BLE001  # Whatever it died of, the other rows are to be told, too.
        return Result(
            name=scenario.name,
            expected="that the scenario comes to its end",
            seen=f"{type(problem).__name__}: {problem}",
        )
