"""A role that hangs under `ackline up` is replaced, though no process has died."""

import signal
import subprocess

from pathlib import Path

import psutil

from ackline.local_stack import Endpoints
from tests.acceptance.world import World, a_world, alert, named, role_of


REPLACED_SECONDS = 45
"""It is noticed after 15 s, killed 5 s later, and the new one has to start."""


async def test_a_role_that_hangs_is_replaced_and_pages_go_on(stack: Endpoints, tmp_path: Path) -> None:
    """SIGSTOP of the streams worker, with a deadline that falls due while it hangs: another takes over and pages."""
    async with a_world(stack, tmp_path) as world:
        up = await world.up()
        first = await world.post(alert(named("before")), oncall_wait_minutes=0)
        await world.page(first["incident_id"])
        hung = psutil.Process(await hang(world, up, "streams"))
        posted = await world.post(alert(named("meanwhile")), oncall_wait_minutes=0)

        page = await world.page(posted["incident_id"], REPLACED_SECONDS)

        assert not hung.is_running() or hung.status() == psutil.STATUS_ZOMBIE
        assert {"streams"} == {event["process"] for event in world.events("process_stuck")}
        assert page.dedup_key == posted["incident_id"]


async def hang(world: World, up: subprocess.Popen[bytes], role: str) -> int:
    """Stop a role in its tracks; its process id."""
    process = await world.until(lambda: role_of(up, role), f"{role} runs")
    process.send_signal(signal.SIGSTOP)
    return int(process.pid)
