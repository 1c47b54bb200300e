"""Alerts at a set rate, whether they are answered or not; a process of its own, which says when it sent each.

`python -m bench.load.steady --per-second N --seconds N --first N URL`, where {number} in the URL becomes the number of
the alert, and {key} the name of a routing key: they take turns.
"""

import asyncio
import json
import sys
import time

from dataclasses import dataclass

import aiohttp
import click
import uvloop

from bench.alerts import body, name
from bench.figures import CannotMeasure
from bench.ground import KEYS, key_name
from bench.processes import told


PAGED_AT_ONCE = "/api/incidents?oncall_wait_minutes=0&slack_channel_id=C{number}&pagerduty_other_routing_key={key}"
"""Where alerts go that wait for nobody. Slack takes one message a second for each channel, so each has its own."""
_TIMEOUT = aiohttp.ClientTimeout(total=30)
_PLACE = "@"


@dataclass(frozen=True, slots=True)
class Sent:
    """One alert that was sent."""

    name: str
    at: float
    """Wall clock, in seconds: when it was to be sent, so that a late sender hides nothing."""
    answered_at: float


async def load(url: str, per_second: int, seconds: int, first: int) -> list[Sent]:
    """Send alerts at this rate.

    Raises:
        CannotMeasure: one was not answered with 2xx.
    """
    how = ["--per-second", str(per_second), "--seconds", str(seconds), "--first", str(first)]
    found = await told([sys.executable, "-m", "bench.load.steady", *how, url])
    if failed := found["failed"]:
        raise CannotMeasure(f"{failed} alerts of {per_second * seconds} were not answered with 2xx")
    return [Sent(name(number), at, answered_at) for number, at, answered_at in found["sent"]]


async def _steady(url: str, per_second: int, seconds: int, first: int) -> dict[str, object]:
    sent: list[tuple[int, float, float]] = []
    failed = 0
    begin, template = time.time() + 0.2, json.dumps(body(_PLACE))

    async def send(client: aiohttp.ClientSession, number: int, at: float) -> None:
        nonlocal failed
        # A loop's clock is coarser than ours, and what is sent before its time would seem to arrive before it.
        while (ahead := at - time.time()) > 0:  # noqa: ASYNC110  # nobody sets an event for a time
            await asyncio.sleep(ahead)
        content = template.replace(_PLACE, name(number)).encode()
        try:
            async with client.post(url.format(number=number, key=key_name(1 + number % KEYS)), data=content) as answer:
                failed += not answer.ok
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            failed += 1
        sent.append((number, at, time.time()))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as client, asyncio.TaskGroup() as tasks:
        for second in range(seconds):
            for each in range(per_second):
                number = first + second * per_second + each
                tasks.create_task(send(client, number, begin + second + each / per_second))
            # Tasks of one second at a time: all of them at once would take memory for what is far ahead.
            await asyncio.sleep(begin + second + 0.9 - time.time())
    return {"sent": sent, "failed": failed}


@click.command()
@click.option("--per-second", type=int, required=True)
@click.option("--seconds", type=int, required=True)
@click.option("--first", type=int, required=True)
@click.argument("url")
def main(url: str, per_second: int, seconds: int, first: int) -> None:
    """Send for so long."""
    click.echo(json.dumps(uvloop.run(_steady(url, per_second, seconds, first))))


if __name__ == "__main__":
    main()
