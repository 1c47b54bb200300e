"""The read model in a real Redis, by way of the projection and of the API."""

import asyncio
import random
import socket
import time

from collections.abc import AsyncIterator

import httpx
import pytest

from redis.asyncio import Redis

from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from projection.project import project
from projection.service import Projection
from state.client import connect
from state.incident import IncidentState
from state.read_model import Reader, Unavailable, Writer
from streams.records import Happening, LogEntry
from streams.records.dead_letter import origin_of
from streams.topics import Topic, topic_name
from tests.edge import an_incident, log_entry, running, running_edge, settings_for, until, write_log
from tests.log import wait_for_records


H = Happening


@pytest.fixture
def settings(stack: Endpoints, topic_prefix: str) -> Settings:
    return settings_for(stack, topic_prefix)


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    redis = connect(settings.redis)
    yield redis
    await redis.aclose()


@pytest.fixture
def reader(settings: Settings, redis: Redis) -> Reader:
    return Reader(redis, prefix=settings.redis.key_prefix, timeout=settings.redis.timeout)


@pytest.fixture
def writer(settings: Settings, redis: Redis) -> Writer:
    return Writer(redis, prefix=settings.redis.key_prefix, open_for=settings.incident.quiet_after)


def story(incident: str, begin_ms: int = 1_000) -> list[LogEntry]:
    """One of everything that can happen to an incident."""
    details = {
        H.OPENED: {"title": "Disk full", "severity": "critical", "oncall": True, "due_ms": 9_000},
        H.REPEATED: {"event_id": "e2", "alias": f"{incident[:25]}{'b' * 26}"},
        H.ACKNOWLEDGED: {"round": 1, "by": "ada", "via": "link"},
        H.ROUND_BEGUN: {"round": 2, "due_ms": 20_000},
    }
    return [
        log_entry(incident, what, offset=number, at_ms=begin_ms + number, **details.get(what, {}))
        for number, what in enumerate(H)
    ]


async def write(writer: Writer, entries: list[LogEntry]) -> None:
    await writer.apply(update for entry in entries for update in project(entry))


async def content(redis: Redis, prefix: str) -> dict[bytes, object]:
    """Everything that is stored, but for the times to live."""
    found: dict[bytes, object] = {}
    async for key in redis.scan_iter(f"{prefix}*"):
        kind = await redis.type(key)
        readers = {
            b"hash": redis.hgetall,
            b"string": redis.get,
            b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        }
        found[key] = await readers[kind](key)
    return found


async def test_writing_an_entry_twice_changes_nothing(writer: Writer, redis: Redis, settings: Settings) -> None:
    """Nor does writing it with a later clock, in another order, after the end: as after a crash."""
    incident, _ = an_incident(settings)
    entries = story(incident, now_ms())
    await write(writer, entries)
    before = await content(redis, settings.redis.key_prefix)

    later = [replaced(entry, at_ms=entry.at_ms + 500) for entry in entries]
    random.Random(7).shuffle(later)
    await write(writer, entries + later)

    assert before == await content(redis, settings.redis.key_prefix)
    assert 3 <= len(before)


async def test_copies_in_any_order_end_alike(writer: Writer, redis: Redis, settings: Settings) -> None:
    """What is kept is the earliest, not what came first: somebody may write the past while others write the present."""
    chance = random.Random(11)
    older, key = an_incident(settings)
    younger = f"{older[:25]}{'c' * 26}"
    begin = now_ms() - 60_000
    entries = story(older, begin)
    entries += [each for each in story(younger, begin + 1_000) if each.what not in {H.REPEATED, H.RESOLVED}]
    entries += [replaced(entry, at_ms=entry.at_ms + chance.randrange(-9, 9)) for entry in entries]
    contents = []

    for _ in range(5):
        await redis.delete(*[name async for name in redis.scan_iter(f"{settings.redis.key_prefix}*")], "none")
        chance.shuffle(entries)
        await write(writer, entries)
        contents.append(await content(redis, settings.redis.key_prefix))

    assert contents[:1] * 5 == contents
    assert younger.encode() == contents[0][f"{settings.redis.key_prefix}open:{key}".encode()]


async def test_of_copies_in_one_batch_the_earliest_is_kept(writer: Writer, redis: Redis, settings: Settings) -> None:
    """Whichever of them comes first."""
    incident, _ = an_incident(settings)
    entries = story(incident, now_ms())
    later = [replaced(entry, at_ms=entry.at_ms + 500) for entry in entries]
    contents = []

    for batch in (entries, [*later, *entries], [*entries, *later]):
        await redis.delete(*[name async for name in redis.scan_iter(f"{settings.redis.key_prefix}*")], "none")
        await write(writer, batch)
        contents.append(await content(redis, settings.redis.key_prefix))

    assert contents[:1] * 3 == contents


async def test_what_was_open_long_ago_is_not_held_open(writer: Writer, reader: Reader, settings: Settings) -> None:
    """Written as late as it may be, it ends when its silence was too long, and an older copy takes nothing from it."""
    incident, key = an_incident(settings)
    quiet_ms = int(settings.incident.quiet_after.total_seconds() * 1000)

    await write(writer, [log_entry(incident, H.OPENED, at_ms=now_ms() - quiet_ms)])
    gone = await reader.open_incidents([key])
    await write(writer, [log_entry(incident, H.REPEATED)])
    await write(writer, [log_entry(incident, H.OPENED, at_ms=now_ms() - quiet_ms + 50)])
    await asyncio.sleep(0.1)

    assert [None] == gone
    assert [incident] == await reader.open_incidents([key])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def replaced(entry: LogEntry, **changes: int) -> LogEntry:
    return LogEntry(**{name: getattr(entry, name) for name in entry.__struct_fields__} | changes)


async def test_every_key_ends(writer: Writer, redis: Redis, settings: Settings) -> None:
    """Nothing stays in Redis for ever, however it got there."""
    for number in range(3):
        incident, _ = an_incident(settings, f"e{number}")
        await write(writer, story(incident, now_ms())[: number + 5])

    keys = [key async for key in redis.scan_iter(f"{settings.redis.key_prefix}*")]
    assert {b"incident", b"timeline", b"incidents", b"alias", b"open"} >= {
        key.split(b".")[1].split(b":")[0] for key in keys
    }
    assert 8 <= len(keys)
    assert [] == [key for key in keys if await redis.ttl(key) <= 0]


async def test_an_open_incident_is_found_by_its_source_key(writer: Writer, reader: Reader, settings: Settings) -> None:
    """Until it is resolved, and a rewritten opening does not bring it back."""
    incident, key = an_incident(settings)
    opened, resolved = (log_entry(incident, what) for what in (H.OPENED, H.RESOLVED))

    await write(writer, [opened])
    assert [incident, None] == await reader.open_incidents([key, "unknown"])
    await write(writer, [resolved])
    await write(writer, [opened])
    assert [None] == await reader.open_incidents([key])


async def test_a_rewritten_opening_does_not_push_a_younger_incident_aside(
    writer: Writer, reader: Reader, settings: Settings
) -> None:
    """The older one ended in silence, without any record that says so."""
    older, key = an_incident(settings)
    younger = f"{older[:25]}{'c' * 26}"

    begin = now_ms()

    await write(writer, [log_entry(older, H.OPENED, at_ms=begin), log_entry(younger, H.OPENED, at_ms=begin + 1)])
    await write(writer, [log_entry(older, H.OPENED, at_ms=begin)])

    assert [younger] == await reader.open_incidents([key])


async def test_the_projection_tells_the_api(stack: Endpoints, settings: Settings) -> None:
    """What is in the incident log is in the answers; what cannot be read is put aside and passed over."""
    await ensure_topics(settings.kafka)
    incident, key = an_incident(settings)
    other, _ = an_incident(settings, "other")
    projection = Projection(settings)
    async with running_edge(settings) as client, running(projection):
        await write_log(settings, b"no json", *story(incident), log_entry(other, H.OPENED, oncall=False), b"{}")
        await until(lambda: has_incidents(client, 2))
        buried = await wait_for_records(settings, Topic.DEAD_LETTERS, 2)

        told = (await client.get(f"/api/incidents/{incident}")).json()
        resolved = (await client.get("/api/incidents", params={"state": "resolved"})).json()
        health = projection.health()

    assert ("resolved", "Disk full", "critical", key) == tuple(
        told[name] for name in ("state", "title", "severity", "source_key")
    )
    assert (2, "1970-01-01T00:00:20.000Z") == (told["round"], told["due_at"])
    assert list(H) == [line["what"] for line in told["timeline"]]
    assert [incident] == [each["incident_id"] for each in resolved["incidents"]]
    assert {"kafka": "ok", "redis": "ok"} == health
    assert [(b"k", b"no json"), (b"k", b"{}")] == [(one.key, one.value) for one in buried]
    assert {topic_name(settings.kafka.topic_prefix, Topic.INCIDENT_LOG)} == {
        origin_of(one.headers).topic for one in buried
    }


async def has_incidents(client: httpx.AsyncClient, count: int) -> bool:
    return bool((await client.get("/api/incidents")).json()["count"] == count)


async def test_the_list_is_newest_first_and_bounded(writer: Writer, settings: Settings) -> None:
    """At most as many as asked for, and no more than 200 may be asked for."""
    incidents = [an_incident(settings, f"e{number}")[0] for number in range(3)]
    for number, incident in enumerate(incidents):
        await write(writer, [log_entry(incident, H.OPENED, at_ms=number)])

    async with running_edge(settings) as client:
        listed = (await client.get("/api/incidents", params={"limit": 2})).json()
        refused = [await client.get("/api/incidents", params=bad) for bad in ({"limit": 201}, {"state": "odd"})]

    assert [incidents[2], incidents[1]] == [each["incident_id"] for each in listed["incidents"]]
    assert [422, 422] == [answer.status_code for answer in refused]


async def test_an_alert_of_an_open_incident_is_told_its_id(settings: Settings, writer: Writer) -> None:
    """Where the sender says what the same problem is; else each alert is a problem of its own."""
    async with running_edge(settings) as client:
        first = (await client.post("/api/incidents", params={"dedup_key": "disk"}, json={})).json()
        await write(writer, [log_entry(first["incident_id"], H.OPENED)])
        second = (await client.post("/api/incidents", params={"dedup_key": "disk"}, json={})).json()
        other = (await client.post("/api/incidents", json={})).json()

    assert first["incident_id"] == second["incident_id"]
    assert first["event_id"] != second["event_id"]
    assert first["ack_url"] == second["ack_url"]
    assert first["incident_id"] != other["incident_id"]


async def test_an_unknown_incident_is_a_404(settings: Settings) -> None:
    """Well formed or not."""
    incident, _ = an_incident(settings)
    async with running_edge(settings) as client:
        assert [404, 404] == [
            (await client.get(f"/api/incidents/{each}")).status_code for each in (incident, "nonsense")
        ]


async def test_a_reader_without_redis_says_so_in_time(stack: Endpoints, topic_prefix: str) -> None:
    """A server that takes the connection and never answers is the worst kind of away."""
    silent = socket.create_server(("127.0.0.1", 0))
    settings = settings_for(stack, topic_prefix, redis={"port": silent.getsockname()[1], "timeout": "100ms"})
    redis = connect(settings.redis)
    reader = Reader(redis, prefix="x", timeout=settings.redis.timeout)

    with pytest.raises(Unavailable):
        await asyncio.wait_for(reader.find("i"), 5)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(reader.latest(limit=5, state=IncidentState.OPEN), 5)
    await redis.aclose()
    silent.close()
