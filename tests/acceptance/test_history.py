"""A pipeline's history carried elsewhere and back, by the installed commands, while the pipeline runs."""

import asyncio
import re

from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from ackline.local_stack import Endpoints
from audit.bundle_read import reading_bundle
from config.settings import Settings
from state.client import connect
from streams.topics import Topic
from tests.acceptance.test_commands import ackline
from tests.acceptance.world import SECRETS, World, a_world, alert, named
from tests.log import everything_in


MODEL = re.compile(rb"(incidents|incident:.*|timeline:.*|open:.*|alias:.*)")


async def model(redis: Redis, prefix: str) -> dict[bytes, Any]:
    """The read model, key by key."""
    found: dict[bytes, Any] = {}
    async for key in redis.scan_iter(f"{prefix}*"):
        if MODEL.fullmatch(name := key.removeprefix(prefix.encode())):
            kind = await redis.type(key)
            if kind == b"hash":
                found[name] = await redis.hgetall(key)
            elif kind == b"zset":
                found[name] = await redis.zrange(key, 0, -1, withscores=True)
            else:
                found[name] = await redis.get(key)
    return found


async def three_incidents(world: World) -> list[str]:
    """One that is acknowledged, one that is paged, and one that is resolved."""
    acked, paged, over = [named(what) for what in ("Acked", "Paged", "Over")]
    posted = [await world.post(alert(title), dedup_key=title) for title in (acked, paged, over)]
    await world.post(alert(over, status="resolved"), dedup_key=over)
    await world.ack(posted[0]["ack_url"])
    ids = [each["incident_id"] for each in posted]
    for incident, state in zip(ids, ["acknowledged", "escalated", "resolved"], strict=True):
        await world.until_state(incident, state)
    return ids


async def held(settings: Settings) -> dict[Any, Any]:
    """What is in the topics, by where it is; but for the ticks, of which there are always more."""
    return {
        (topic, record.partition, record.offset): (record.key, record.value, record.headers, record.timestamp)
        for topic in Topic
        if topic is not Topic.TICKS
        for record in await everything_in(settings, topic)
    }


async def test_a_pipelines_history_goes_into_a_file_and_into_another_kafka(stack: Endpoints, tmp_path: Path) -> None:
    """It is exported while it runs, proved by its head, has no secret in it, and is the same where it is imported."""
    homes = [tmp_path / name for name in ("one", "other")]
    for home in homes:
        home.mkdir()
    async with a_world(stack, homes[0]) as world, a_world(stack, homes[1]) as other:
        await world.up()
        ids = await three_incidents(world)
        path = tmp_path / "history"
        exported = await ackline(world, "export", "-o", str(path))
        head = exported.stdout.split("head ")[1].split()[0]
        imported = await ackline(other, "import", str(path), "--head", head, "--yes")
        with reading_bundle(path) as bundle:
            read = {(each.topic, each.partition, each.offset): each for each in bundle.records()}
        running, looked_at = await held(world.settings), await held(other.settings)
        refused = await ackline(world, "import", str(path), "--yes")

    assert (0, 0, "") == (exported.returncode, imported.returncode, imported.stderr)
    assert {place for place in read if place[0] is not Topic.TICKS} == looked_at.keys()
    assert looked_at == {place: running[place] for place in looked_at}
    assert [] == [each for each in ids if not any(each.encode() in record.value for record in read.values())]
    assert [] == [name for name, secret in SECRETS.items() if secret in repr(read)]
    assert "token=v1." not in repr(read)
    assert "of them have another offset" not in imported.stdout
    assert 1 == refused.returncode
    assert "stop every role first" in refused.stderr


async def test_a_lost_redis_is_filled_again_while_the_pipeline_runs(stack: Endpoints, tmp_path: Path) -> None:
    """Afterwards the read model has each key and value that it had, and what happened meanwhile."""
    async with a_world(stack, tmp_path) as world:
        await world.up()
        ids = await three_incidents(world)
        prefix = world.settings.redis.key_prefix
        redis = connect(world.settings.redis)
        before = await world.until(lambda: settled(redis, prefix), "the read model has come to rest")
        await redis.delete(*[prefix.encode() + name for name in before])
        nothing = [await world.incident(each) for each in ids]

        rebuilt, more = await asyncio.gather(ackline(world, "rebuild"), three_incidents(world))
        await world.until(lambda: settled(redis, prefix), "the read model has come to rest again")
        after = await model(redis, prefix)
        states = [(await world.incident(each))["state"] for each in ids + more]
        await redis.aclose()

    assert [{}, {}, {}] == nothing
    assert 0 == rebuilt.returncode, rebuilt.stderr
    assert re.search(r"\d+ entries of the incident log in \d+\.\d s", rebuilt.stdout)
    listed = before.pop(b"incidents")
    assert before == {name: after.get(name) for name in before}
    assert set(listed) <= set(after[b"incidents"])
    assert ["acknowledged", "escalated", "resolved"] * 2 == states


async def settled(redis: Redis, prefix: str) -> dict[bytes, Any] | None:
    """The read model, once nothing more comes for two seconds: then every delivery has been told of."""
    found = await model(redis, prefix)
    await asyncio.sleep(2)
    return found if found and found == await model(redis, prefix) else None
