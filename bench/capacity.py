"""What a cluster carries, from what an incident costs: a calculation, and no measurement of that cluster. Pure.

`python -m bench.capacity RESULTS.json` takes the costs out of a results file that has `end-to-end` and `footprint`.
Every assumption is a constant below; `docs/scaling.md` says where each comes from.
"""

import json

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click


MEASURED_AT = "1,000/s, processor time for an alert: "
"""The figures of `end-to-end` that costs are taken from: at the highest rate, where idling hides least."""
BUSY = 0.6
"""How much of a core a process may use. Beyond it queues grow quickly, and a dead process's share must fit elsewhere."""
PEAK = 10
"""How many times the day's mean the worst hour has."""
PAGERDUTY_PER_SECOND = 2.0
"""Events through one routing key: about 120 a minute."""
SLACK_CHANNEL_PER_SECOND = 1.0
SLACK_WORKSPACE_PER_SECOND = 5.0
"""Several hundred messages a minute for a workspace: 300 are reckoned with."""
CALLS = 2
"""Messages of an incident in Slack, and events in PagerDuty if it is paged: it begins, and it ends."""
PAGED_SHARE = 0.2
"""Incidents that nobody acknowledges in time."""
KEPT_DAYS = 31
DAY_SECONDS = 86_400
_ROLES = ("ingest", "streams", "notifiers", "projection", "reconciler", "kafka", "redis")
_MB_PER_SECOND = 100
"""What a broker's disk and network take in, steadily."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one incident costs that is told and paged: the dearest way that is common."""

    processor_ms: Mapping[str, float]
    """By role, and for Kafka and Redis; all copies but one excluded."""
    kafka_bytes: float
    """One copy, all topics, before compaction."""
    redis_bytes: float
    disk_bytes: float
    """Of a streams worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A deployment to reckon with."""

    name: str
    partitions: int
    processes: Mapping[str, int]
    """By role; Redis is one thread."""
    cores: int
    """Of all machines together."""
    brokers: int
    broker_cores: int
    broker_disk_gb: int
    copies: int
    redis_gb: int
    routing_keys: int
    channels: int


@dataclass(frozen=True, slots=True)
class Bound:
    """Something that is full at so many incidents a second."""

    what: str
    per_second: float
    is_ours: bool = True
    """More machines help; against the limits of Slack and PagerDuty only more channels and keys do."""

    @property
    def per_day(self) -> float:
        """Incidents a day, when the worst hour is not to exceed it."""
        return self.per_second * DAY_SECONDS / PEAK


def bounds(costs: Costs, cluster: Cluster) -> list[Bound]:
    """All bounds, the one that breaks first in front."""
    found = [_processes(role, costs, cluster) for role in cluster.processes]
    copies_ms = costs.processor_ms["kafka"] * cluster.copies
    all_ms = sum(costs.processor_ms.values()) - costs.processor_ms["kafka"] + copies_ms
    found += [
        Bound("all processors", BUSY * cluster.cores * 1000 / all_ms),
        Bound("kafka, processor", BUSY * cluster.brokers * cluster.broker_cores * 1000 / copies_ms),
        Bound("kafka, disk and network", cluster.brokers * _MB_PER_SECOND * 1e6 / (costs.kafka_bytes * cluster.copies)),
        _kept_in("kafka, disk", cluster.brokers * cluster.broker_disk_gb, costs.kafka_bytes * cluster.copies),
        Bound("redis, one thread", BUSY * 1000 / costs.processor_ms["redis"]),
        _kept_in("redis, memory", cluster.redis_gb, costs.redis_bytes),
        Bound(
            "PagerDuty, all keys", cluster.routing_keys * PAGERDUTY_PER_SECOND / (CALLS * PAGED_SHARE), is_ours=False
        ),
        Bound("Slack, all channels", cluster.channels * SLACK_CHANNEL_PER_SECOND / CALLS, is_ours=False),
        Bound("Slack, one workspace", SLACK_WORKSPACE_PER_SECOND / CALLS, is_ours=False),
    ]
    return sorted(found, key=lambda bound: bound.per_second)


def _processes(role: str, costs: Costs, cluster: Cluster) -> Bound:
    """A process is one core's worth; of those that read topics no more work than there are partitions."""
    count = cluster.processes[role]
    working = count if role == "ingest" else min(count, cluster.partitions)
    return Bound(role, BUSY * working * 1000 / costs.processor_ms[role])


def _kept_in(what: str, gigabytes: float, each_bytes: float) -> Bound:
    """A place that a month's incidents must fit into. It fills with the day's mean, and the bound is of the worst hour."""
    per_day = gigabytes * 1e9 / (each_bytes * KEPT_DAYS)
    return Bound(what, per_day * PEAK / DAY_SECONDS)


def kept(costs: Costs, cluster: Cluster, per_day: float) -> Mapping[str, float]:
    """Gigabytes that so many incidents a day fill, in each place, until the oldest go."""
    month = per_day * KEPT_DAYS / 1e9
    return {
        "each broker": month * costs.kafka_bytes * cluster.copies / cluster.brokers,
        "Redis": month * costs.redis_bytes,
        "each streams worker": month * costs.disk_bytes / cluster.processes["streams"],
    }


def costs_of(results: Mapping[str, Any]) -> Costs:
    """The costs in a results file.

    Raises:
        KeyError: a figure is not in it; its name is the error's.
    """
    found = {(each["bench"], each["name"]): float(each["median"]) for each in results["figures"]}
    footprint = {name: value for (bench, name), value in found.items() if bench == "footprint"}
    redis, disk = footprint.pop("Redis"), footprint.pop("a worker's disk")
    return Costs(
        {role: found["end-to-end", f"{MEASURED_AT}{role}"] for role in _ROLES}, sum(footprint.values()), redis, disk
    )


def _cluster(name: str, partitions: int, each: int, **more: int) -> Cluster:
    roles = ("ingest", "streams", "notifiers", "projection")
    return Cluster(
        name=name, partitions=partitions, processes={**dict.fromkeys(roles, each), "reconciler": 1},
        copies=min(3, more["brokers"]), **more,
    )  # fmt: skip


CLUSTERS = (
    _cluster("one machine of 2 cores", 4, 1, cores=2, brokers=1, broker_cores=1, broker_disk_gb=50, redis_gb=2,
             routing_keys=10, channels=10),
    _cluster("three machines of 8 cores", 24, 3, cores=24, brokers=3, broker_cores=3, broker_disk_gb=1_000, redis_gb=16,
             routing_keys=100, channels=100),
    _cluster("twelve machines of 16 cores", 96, 36, cores=192, brokers=6, broker_cores=8, broker_disk_gb=8_000,
             redis_gb=128, routing_keys=1_000, channels=1_000),
)  # fmt: skip


def table(costs: Costs, clusters: Sequence[Cluster] = CLUSTERS) -> str:
    """What each cluster carries, as Markdown: incidents a second by each bound, then a day's, and what they fill."""
    found = {cluster.name: bounds(costs, cluster) for cluster in clusters}
    ours = {name: next(bound for bound in each if bound.is_ours) for name, each in found.items()}
    rows = [["incidents a second until this is full", *found]]
    rows += [
        [bound.what, *(f"{_of(each, bound.what).per_second:,.1f}" for each in found.values())]
        for bound in found[clusters[-1].name]
    ]
    rows.append(["**of ours breaks first**", *(bound.what for bound in ours.values())])
    rows.append(["**then, incidents a day**", *(f"{bound.per_day:,.0f}" for bound in ours.values())])
    filled = [kept(costs, cluster, ours[cluster.name].per_day) for cluster in clusters]
    rows += [
        [f"{place}, GB after {KEPT_DAYS} days of it", *(f"{each[place]:,.1f}" for each in filled)]
        for place in filled[0]
    ]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" + "|---:" * len(clusters) + "|", *lines[1:]])


def _of(found: Sequence[Bound], what: str) -> Bound:
    return next(bound for bound in found if bound.what == what)


@click.command()
@click.argument("results", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(results: Path) -> None:
    """Print what clusters carry by the costs of a results file."""
    try:
        costs = costs_of(json.loads(results.read_text(encoding="utf-8")))
    except KeyError as problem:
        wanted = "`make bench ARGS='--only end-to-end --only footprint'` measures what is needed"
        raise click.ClickException(f"{results} has no figure {problem}: {wanted}") from problem
    click.echo(table(costs))


if __name__ == "__main__":
    main()
