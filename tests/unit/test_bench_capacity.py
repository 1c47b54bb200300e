"""What a cluster carries follows from what an incident costs."""

import pytest

from bench.capacity import CLUSTERS, KEPT_DAYS, Cluster, Costs, bounds, costs_of, kept, table


ROLES = ("ingest", "streams", "notifiers", "projection", "reconciler", "kafka", "redis")
COSTS = Costs(dict.fromkeys(ROLES, 1.0), kafka_bytes=10_000, redis_bytes=2_000, disk_bytes=1_000)


def a_cluster(**more: object) -> Cluster:
    """Two processes of each role on three brokers, with keys and channels for all."""
    values = {
        "name": "a cluster", "partitions": 8, "processes": {"ingest": 2, "streams": 2}, "cores": 24,
        "brokers": 3, "broker_cores": 4, "broker_disk_gb": 100, "copies": 3, "redis_gb": 10, "routing_keys": 10**6, "channels": 10**6,
    }  # fmt: skip
    return Cluster(**{**values, **more})  # type: ignore[arg-type]


def per_second(what: str, cluster: Cluster) -> float:
    """When this is full."""
    return next(bound.per_second for bound in bounds(COSTS, cluster) if bound.what == what)


def test_what_breaks_first_comes_first() -> None:
    """That is what somebody who plans has to know."""
    found = [bound.per_second for bound in bounds(COSTS, a_cluster())]

    assert sorted(found) == found


def test_more_workers_than_partitions_carry_nothing_more() -> None:
    """A partition has one reader. Ingest reads nothing, and goes on growing."""
    few, many = (dict.fromkeys(("ingest", "streams"), count) for count in (8, 80))

    assert per_second("streams", a_cluster(processes=few)) == per_second("streams", a_cluster(processes=many))
    assert 10 * per_second("ingest", a_cluster(processes=few)) == per_second("ingest", a_cluster(processes=many))


def test_each_copy_costs_the_brokers_as_much_as_the_first() -> None:
    """Three brokers with three copies carry what one carries with one."""
    alone = a_cluster(brokers=1, copies=1)

    for what in ("kafka, processor", "kafka, disk and network"):
        assert per_second(what, alone) == pytest.approx(per_second(what, a_cluster()))


def test_a_month_of_what_is_carried_fills_what_there_is() -> None:
    """With the day's mean, of which the worst hour has ten times as many."""
    cluster = a_cluster()
    found = {bound.what: kept(COSTS, cluster, bound.per_day) for bound in bounds(COSTS, cluster)}

    assert cluster.redis_gb == pytest.approx(found["redis, memory"]["Redis"])
    assert cluster.broker_disk_gb == pytest.approx(found["kafka, disk"]["each broker"])


def test_half_the_cost_is_twice_the_room() -> None:
    """Of a process; what others allow stays as it is."""
    half = Costs({role: cost / 2 for role, cost in COSTS.processor_ms.items()}, 10_000, 2_000, 1_000)
    before, after = ({b.what: b.per_second for b in bounds(costs, a_cluster())} for costs in (COSTS, half))

    assert 2 * before["streams"] == after["streams"]
    assert before["Slack, one workspace"] == after["Slack, one workspace"]


def test_what_is_kept_is_a_months() -> None:
    """On one broker out of three with three copies lies all of it."""
    found = kept(COSTS, a_cluster(), per_day=1_000_000)

    assert KEPT_DAYS * 10_000 * 1e6 / 1e9 == pytest.approx(found["each broker"])
    assert KEPT_DAYS * 1_000 * 1e6 / 1e9 / 2 == pytest.approx(found["each streams worker"])


def test_costs_come_out_of_a_results_file() -> None:
    """Topics and changelogs are Kafka's bytes; Redis and the disk are not."""
    sizes = {"alerts": 3_000, "changelog of deadlines": 500, "Redis": 70, "a worker's disk": 9}
    figures = [{"bench": "footprint", "name": name, "median": size} for name, size in sizes.items()]
    figures += [
        {"bench": "end-to-end", "name": f"1,000/s, processor time for an alert: {role}", "median": 0.5}
        for role in ROLES
    ]

    assert Costs(dict.fromkeys(ROLES, 0.5), 3_500, 70, 9) == costs_of({"figures": figures})


def test_a_file_without_the_figures_says_which_is_missing() -> None:
    """The command turns it into a sentence that says how to measure them."""
    with pytest.raises(KeyError, match="Redis"):
        costs_of({"figures": []})


def test_the_table_names_what_breaks_first_of_ours() -> None:
    """What Slack and PagerDuty allow is in it, and no bound of a cluster."""
    shown = table(COSTS)

    assert "| **of ours breaks first** | " in shown
    assert {len(CLUSTERS) + 2} == {line.count("|") for line in shown.splitlines()}
