"""`ackline demo`: the whole pipeline on this machine, with what can happen to an alert played on it.

Needs nothing but this machine, leaves nothing running, and says with its exit code whether all went as it should.
"""

import asyncio
import signal
import sys

from pathlib import Path

from ackline.demo.perform import all_at_once, one_by_one
from ackline.demo.report import Report, Result
from ackline.demo.running import NotReady, Place, run_pipeline
from ackline.demo.world import Unexpected, World
from ackline.exits import EXIT_FAILED
from ackline.local_stack import LocalStack, LocalStackError, local_stack
from ackline.supervise import SupervisionError
from ackline.topics_admin import TopicsError


def main(check: bool, state_dir: Path) -> int:
    """Run the demo; returns the exit code."""
    # Until the supervisor listens to signals, a SIGTERM unwinds as an exception, so that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    report = Report()
    place = Place(state_dir.resolve())
    try:
        report.line(f"Starting Kafka and Redis in {place.state_dir} …")
        with local_stack(place.state_dir) as stack:
            place.begin_logs()
            return _Demo(place, report, check=check).run(stack)
    except LocalStackError as error:
        report.line(f"✗ {error}", "red")
    except (NotReady, SupervisionError, TopicsError, Unexpected, OSError) as error:
        report.line(f"✗ {error}", "red")
        report.line(f"  The logs are in {place.logs}")
    except KeyboardInterrupt:
        report.line("Stopped.")
        return 128 + signal.SIGINT
    return EXIT_FAILED


class _Demo:
    """One run, from the first start to the last stop."""

    def __init__(self, place: Place, report: Report, *, check: bool) -> None:
        self._place = place
        self._report = report
        self._check = check
        self._results: list[Result] = []

    def run(self, stack: LocalStack) -> int:
        endpoints = stack.endpoints
        self._report.line(
            f"✓ Kafka: {endpoints.bootstrap_servers}, Redis: {endpoints.redis_host}:{endpoints.redis_port}"
        )
        asyncio.run(run_pipeline(self._place, stack, self._report, self._play))
        self._report.line("Everything is stopped.")
        if not self._results:
            return 128 + signal.SIGINT
        if all(result.has_passed for result in self._results):
            return 0
        self._report.line(f"The logs are in {self._place.logs}")
        return EXIT_FAILED

    async def _play(self, world: World) -> None:
        play = all_at_once if self._check else one_by_one
        self._results = await play(world, self._report)
        self._report.table(self._results)
        if sys.stdout.isatty() and not self._check:
            self._report.links(world.settings.public_host, world.sandbox.url, self._place.home)
            await asyncio.Event().wait()
