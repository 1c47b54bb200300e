"""Slow Slack: ingest while the whole pipeline works and Slack is slow, or hangs, against Slack that answers at once."""

from collections.abc import AsyncIterator

from bench.figures import Figure
from bench.ground import ROLES, Ground, site
from bench.load.closed import Answered, load
from bench.measure import Bench, Scale


_CONNECTIONS = 64


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Requests a second over 64 connections while Slack answers at once, after 200 ms, and never."""
    seconds, found = scale.of(10, 4), dict[str, Answered]()
    async with site(ground, "slow-slack") as here:
        running = [await here.start(role) for role in ROLES]
        url = f"{running[ROLES.index('ingest')].url}/api/incidents?slack_channel_id=C@"
        await load([url], _CONNECTIONS, 2)
        for words, answer_after in (("at once", 0.0), ("after 200 ms", 0.2), ("never", None)):
            await here.stand_in.answer_after(answer_after)
            found[words] = await load([url], _CONNECTIONS, seconds)
            for figure in _figures(words, found[words], found["at once"]):
                yield figure


def _figures(words: str, each: Answered, at_once: Answered) -> list[Figure]:
    return [
        Figure(name=f"Slack answers {words}", value=each.per_second, unit="requests/s", limit=at_once.per_second),
        Figure(name=f"Slack answers {words}, p99", value=each.p99_ms, unit="ms", limit=at_once.p99_ms),
    ]


SLOW_SLACK = Bench(name="slow-slack", measure=measure, against="itself while Slack answers at once")
