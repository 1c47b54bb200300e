"""The load generators and the stand-in of the benches count alike. How fast they are is nobody's verdict."""

import asyncio
import sys

from pathlib import Path

import pytest

from bench.figures import CannotMeasure
from bench.load import closed
from bench.load.steady import load
from bench.processes import told
from bench.standin import stand_in


async def test_every_request_of_the_hammer_is_counted(tmp_path: Path) -> None:
    """What it says was answered, the server has seen; none was lost, and none made up."""
    async with stand_in(tmp_path) as there:
        how = ["--connections", "4", "--seconds", "0.5", "--first", "7"]
        command = [sys.executable, "-m", "bench.load.hammer", *how, f"{there.url}/slack/@", '{"about": "@"}']
        said = await told(command)
        counted, calls = await there.count("slack"), await there.calls("slack")

    assert (0, True) == (said["failed"], said["answered"] > 4)
    assert said["answered"] == counted == len(calls)
    assert {f"bench-{number:08d}" for number in range(7, 7 + len(calls))} == {call.name for call in calls}


async def test_a_request_without_an_answer_has_failed(tmp_path: Path) -> None:
    """A server that hangs up is no fast server."""
    closing = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with closing:
        port = closing.sockets[0].getsockname()[1]
        command = [sys.executable, "-m", "bench.load.hammer", "--connections", "3", f"http://127.0.0.1:{port}/", "{}"]

        with pytest.raises(CannotMeasure, match="no request was answered"):
            await told(command)


@pytest.mark.parametrize("path", [None, ""], ids=["the machine's tool", "no tool"])
async def test_a_closed_load_is_counted_by_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    """With `wrk` or without: each alert has a group of its own, and what was answered has come."""
    if path is not None:
        monkeypatch.setenv("PATH", path)
    async with stand_in(tmp_path) as there:
        said = await closed.load([f"{there.url}/slack/@", f"{there.url}/slack/@"], connections=4, seconds=1)
        counted = await there.count("slack")

    assert said.count > 4
    # wrk gives up what is on its way when its time is over.
    assert said.count <= counted <= said.count + 4
    assert 0 < said.p50_ms <= said.p99_ms <= said.max_ms


async def test_a_steady_load_is_as_much_as_was_asked_for(tmp_path: Path) -> None:
    """Each alert with its own number, in its body and in its URL, and with the time at which it was to be sent."""
    async with stand_in(tmp_path) as there:
        sent = await load(f"{there.url}/slack?channel=C{{number}}&key={{key}}", 20, 1, first=100)
        calls = await there.calls("slack")

    assert [f"bench-{number:08d}" for number in range(100, 120)] == sorted(each.name for each in sent)
    assert {each.name for each in sent} == {call.name for call in calls}
    came = {call.name: call.at for call in calls}
    assert all(each.at <= came[each.name] <= each.answered_at for each in sent)


async def test_a_page_says_when_it_was_due(tmp_path: Path) -> None:
    """From this the lateness of its delivery is taken."""
    async with stand_in(tmp_path) as there:
        body = '{"payload":{"custom_details":{"due_at":"2026-11-24T12:00:00.500+00:00"}}}'
        command = [sys.executable, "-m", "bench.load.hammer", "--seconds", "0.1", f"{there.url}/v2/enqueue", body]
        await told(command)
        calls = await there.calls("pagerduty")

    assert {1795521600.5} == {call.due for call in calls}
