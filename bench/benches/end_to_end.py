"""End to end: from the request with an alert to the message in Slack and, with no wait, to the page."""

from collections.abc import AsyncIterator, Mapping, Sequence

from bench.figures import Figure, spread
from bench.ground import ROLES, Ground, Site, site
from bench.load.steady import PAGED_AT_ONCE, Sent, load
from bench.measure import Bench, Scale
from bench.processes import Process, cpu_seconds, until


_SECONDS = 300.0
_FAR = 10_000_000


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Latency from the request to Slack and to the page, and the cost of an alert, at 10, 100 and 1,000 alerts/s."""
    rates, seconds = ([10, 200], 4) if scale.is_quick else ([10, 100, 1_000], 20)
    async with site(ground, "end-to-end") as here:
        running = [await here.start(role) for role in ROLES]
        await sent_and_seen(here, running, 10, 2, first=_FAR)
        for number, per_second in enumerate(rates):
            before = _used(ground, running)
            sent = await sent_and_seen(here, running, per_second, seconds, first=number * _FAR // 10)
            used = {name: now - before[name] for name, now in _used(ground, running).items()}
            for figure in (*await _latency(here, per_second, sent), *_costs(per_second, used, len(sent))):
                yield figure


def _used(ground: Ground, running: Sequence[Process]) -> Mapping[str, float]:
    """Seconds of the processor that each has used until now, the servers included."""
    servers = {name: cpu_seconds(pid) for name, pid in ground.stack.pids().items()}
    return {**{process.name.partition("-")[0]: process.cpu_seconds() for process in running}, **servers}


def _costs(per_second: int, used: Mapping[str, float], count: int) -> list[Figure]:
    words = f"{per_second:,}/s, processor time for an alert"
    costs = {f"{words}: {name}": seconds for name, seconds in used.items()} | {f"{words}: all": sum(used.values())}
    return [Figure(name=name, value=1000 * seconds / count, unit="ms") for name, seconds in costs.items()]


async def _latency(here: Site, per_second: int, sent: Sequence[Sent]) -> list[Figure]:
    found: list[Figure] = []
    for service, words in (("slack", "to Slack"), ("pagerduty", "to the page")):
        came = await _first_calls(here, service)
        found += spread(f"{per_second:,}/s, {words}", [1000 * (came[each.name] - each.at) for each in sent], "ms")
    return found


async def sent_and_seen(
    here: Site, running: Sequence[Process], per_second: int, seconds: int, first: int
) -> list[Sent]:
    """Send, and wait until all of it has come to both."""
    url = running[ROLES.index("ingest")].url + PAGED_AT_ONCE
    before = {service: await here.stand_in.count(service) for service in ("slack", "pagerduty")}
    sent = await load(url, per_second, seconds, first)

    async def all_came() -> bool:
        for service, earlier in before.items():
            if await here.stand_in.count(service) < earlier + len(sent):
                return False
        return True

    await until(all_came, f"{len(sent)} alerts in Slack and paged", _SECONDS, *running, every=0.5)
    return sent


async def _first_calls(here: Site, service: str) -> Mapping[str, float]:
    """When the first call about each alert came."""
    found: dict[str, float] = {}
    for call in await here.stand_in.calls(service):
        found.setdefault(call.name, call.at)
    return found


END_TO_END = Bench(
    name="end-to-end", measure=measure, against="nothing: there is no naive way that does as much", in_quick=True
)
