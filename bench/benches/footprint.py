"""Footprint: what an incident leaves behind, in each topic, in Redis and on a worker's disk."""

from collections.abc import AsyncIterator, Mapping

from bench.benches.end_to_end import sent_and_seen
from bench.figures import Figure
from bench.ground import ROLES, Ground, Site, site
from bench.measure import Bench, Scale
from bench.processes import Process, until
from state.client import connect
from streams.topics import Table, Topic, changelog_name, topic_name


_SECONDS = 300.0
_PER_SECOND = 200
_SETTLED_SECONDS = 3.0
_WITHOUT_INCIDENTS = {Topic.TICKS, Topic.DEAD_LETTERS}


async def measure(ground: Ground, scale: Scale) -> AsyncIterator[Figure]:
    """Bytes that an incident leaves which is told and paged: in each topic, in Redis, on a worker's disk."""
    seconds = scale.of(25, 3)
    async with site(ground, "footprint") as here:
        running = [await here.start(role) for role in ROLES]
        before = await _sizes(ground, here)
        sent = await sent_and_seen(here, running, _PER_SECOND, seconds, first=0)
        await _still(ground, here, running)
        for name, size in (await _sizes(ground, here)).items():
            yield Figure(name=name, value=(size - before[name]) / len(sent), unit="bytes")
        worker = running[ROLES.index("streams")]
        await worker.stop()
        yield Figure(name="a worker's disk", value=here.disk_bytes("streams") / len(sent), unit="bytes")


async def _still(ground: Ground, here: Site, running: list[Process]) -> None:
    """Wait until nothing is written any more."""
    before: Mapping[str, float] = {}

    async def is_still() -> bool:
        nonlocal before
        earlier, before = before, _topic_bytes(ground, here)
        return earlier == before

    await until(is_still, "nothing is written any more", _SECONDS, *running, every=_SETTLED_SECONDS)


async def _sizes(ground: Ground, here: Site) -> Mapping[str, float]:
    """Bytes of each topic that incidents are in, and of Redis."""
    redis = connect(here.settings.redis)
    try:
        return {**_topic_bytes(ground, here), "Redis": float((await redis.info("memory"))["used_memory"])}
    finally:
        await redis.aclose()


def _topic_bytes(ground: Ground, here: Site) -> dict[str, float]:
    kafka, data = here.settings.kafka, ground.home / "kafka" / "data"
    topics = {str(topic): topic_name(kafka.topic_prefix, topic) for topic in Topic if topic not in _WITHOUT_INCIDENTS}
    topics |= {f"changelog of {table}": changelog_name(kafka.topic_prefix, table) for table in Table}
    return {
        words: sum(file.stat().st_size for file in data.glob(f"{name}-[0-9]*/*.log")) for words, name in topics.items()
    }


FOOTPRINT = Bench(name="footprint", measure=measure, against="nothing", rounds=1)
