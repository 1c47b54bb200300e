"""The read model in Redis: what the API and the ACK page tell about an incident. A convenience, never a decision.

Keys, all below `redis.key_prefix`, all with a time to live:

    incident:<id>        hash     milestone (`<happening>:<round>`) -> JSON
    timeline:<id>        hash     identity of a log entry -> JSON
    incidents            zset     incident id, by the time it was opened
    open:<source key>    string   the incident that is open for this problem
    alias:<id>           string   the incident that took in the event for which this id was foretold

Every write may be repeated, and writes may come in any order: of a milestone and of an entry the earliest is kept, and
what ends with time ends at its own time, however late it is written. So what is here is what the entries say, and
writing all of them anew beside the projection ends with the same.
"""

import asyncio
import time

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import msgspec

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from state.incident import Incident, IncidentState, view_incident


KEPT = timedelta(days=31)
"""As long as the topics keep the story."""
_KEPT_SECONDS = str(int(KEPT.total_seconds()))
ALIAS_KEPT = timedelta(days=7)
"""The longest wait: after it no deadline can be ahead for which somebody could acknowledge by the foretold id."""
_ALIAS_KEPT_MS = int(ALIAS_KEPT.total_seconds() * 1000)
MAX_LISTED = 10_000
_SCANNED = 1_000
_CHUNK = 200
_TOGETHER = 100
"""Fields of one script. While it runs, about a millisecond, Redis answers nobody else."""


class Unavailable(Exception):  # noqa: N818  # It says how Redis is.
    """Redis did not answer in time, so the read model cannot be read or written now."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """The first happening of its kind in a round of an incident. Its value has `at_ms`."""

    incident_id: str
    name: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of an incident's story."""

    incident_id: str
    identity: str
    """The same when the same entry is written again."""
    value: dict[str, Any]
    """Has `at_ms`."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An incident belongs in the list."""

    incident_id: str
    opened_ms: int


@dataclass(frozen=True, slots=True)
class HeldOpen:
    """An incident was open for this problem at a time. Changes nothing once it is resolved, or silent for too long."""

    source_key: str
    incident_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The incident is over."""

    source_key: str
    incident_id: str


@dataclass(frozen=True, slots=True)
class Alias:
    """An event for which this id was foretold belongs to that incident."""

    alias: str
    incident_id: str
    at_ms: int
    """When the event was taken in."""


Update = Milestone | TimelineEntry | Listed | HeldOpen | Closed | Alias


# For many fields at once: most of what a single one costs is asking for it.
_KEEP_EARLIEST = """
for i, key in ipairs(KEYS) do
  local field, told, at_ms = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  local kept = redis.call('HGET', key, field)
  local is_earliest = not kept
  if kept then
    local theirs, mine = cjson.decode(kept)['at_ms'], tonumber(at_ms)
    is_earliest = mine < theirs or (mine == theirs and told < kept)
  end
  if is_earliest then redis.call('HSET', key, field, told) end
  redis.call('EXPIRE', key, ARGV[1])
end
"""
# A rewritten `opened` must not open again what is resolved, nor push aside a younger incident of the same problem.
_HOLD_OPEN = """
if redis.call('HEXISTS', KEYS[2], 'resolved:1') == 1 then return 0 end
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then
  local mine = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or 0)
  local theirs = tonumber(redis.call('ZSCORE', KEYS[3], held) or 0)
  if theirs > mine then return 0 end
end
if held == ARGV[1] and redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_CLOSE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Keys:
    """The names of the keys."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.incidents = f"{prefix}incidents"

    def incident(self, incident_id: str) -> str:
        """The milestones of an incident."""
        return f"{self._prefix}incident:{incident_id}"

    def timeline(self, incident_id: str) -> str:
        """Its story."""
        return f"{self._prefix}timeline:{incident_id}"

    def open(self, source_key: str) -> str:
        """The incident that is open for a problem."""
        return f"{self._prefix}open:{source_key}"

    def alias(self, incident_id: str) -> str:
        """The incident that a foretold id stands for."""
        return f"{self._prefix}alias:{incident_id}"


class Writer:
    """Writes updates, all of one call in one round trip."""

    def __init__(self, redis: Redis, *, prefix: str, open_for: timedelta) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self._open_for_ms = int(open_for.total_seconds() * 1000)

    async def apply(self, updates: Iterable[Update]) -> None:
        """Write all of them. Doing it again, wholly or in part, changes nothing.

        Raises:
            Unavailable: some may be written and some not.
        """
        pipeline = self._redis.pipeline(transaction=False)
        updates = list(updates)
        self._keep_earliest(pipeline, [each for each in updates if isinstance(each, Milestone | TimelineEntry)])
        self._list(pipeline, [each for each in updates if isinstance(each, Listed)])
        now_ms = time.time_ns() // 1_000_000
        for update in updates:
            self._add(pipeline, update, now_ms)
        try:
            await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as problem:
            raise Unavailable(str(problem)) from problem

    def _add(self, pipeline: Pipeline, update: Update, now_ms: int) -> None:
        keys = self._keys
        match update:
            case HeldOpen():
                self._hold_open(pipeline, update, update.at_ms + self._open_for_ms - now_ms)
            case Closed(source_key, incident_id):
                pipeline.eval(_CLOSE, 1, keys.open(source_key), incident_id)
            case Alias():
                self._alias(pipeline, update, update.at_ms + _ALIAS_KEPT_MS - now_ms)

    def _hold_open(self, pipeline: Pipeline, update: HeldOpen, left_ms: int) -> None:
        if left_ms > 0:
            keys = self._keys
            named = [keys.open(update.source_key), keys.incident(update.incident_id), keys.incidents]
            pipeline.eval(_HOLD_OPEN, len(named), *named, update.incident_id, str(left_ms))

    def _alias(self, pipeline: Pipeline, update: Alias, left_ms: int) -> None:
        if left_ms > 0:
            pipeline.set(self._keys.alias(update.alias), update.incident_id, px=left_ms)

    def _keep_earliest(self, pipeline: Pipeline, updates: Sequence[Milestone | TimelineEntry]) -> None:
        for start in range(0, len(updates), _TOGETHER):
            fields = [self._field(update) for update in updates[start : start + _TOGETHER]]
            keys = [key for key, *_ in fields]
            arguments = [part for _, *parts in fields for part in parts]
            pipeline.eval(_KEEP_EARLIEST, len(keys), *keys, _KEPT_SECONDS, *arguments)

    def _list(self, pipeline: Pipeline, listed: Sequence[Listed]) -> None:
        if listed:
            # The earliest of an incident comes last, and so it stays.
            latest_first = sorted(listed, key=lambda each: -each.opened_ms)
            opened = {each.incident_id: each.opened_ms for each in latest_first}
            pipeline.zadd(self._keys.incidents, opened, lt=True)
            pipeline.zremrangebyrank(self._keys.incidents, 0, -MAX_LISTED - 1)
            pipeline.expire(self._keys.incidents, KEPT)

    def _field(self, update: Milestone | TimelineEntry) -> tuple[str, str, str, str]:
        """The key, the field, its value, and when that happened."""
        value = update.value
        told, at_ms = msgspec.json.encode(value).decode(), str(value["at_ms"])
        if isinstance(update, Milestone):
            return self._keys.incident(update.incident_id), update.name, told, at_ms
        return self._keys.timeline(update.incident_id), update.identity, told, at_ms


class Reader:
    """Reads within a time limit. Every method raises `Unavailable` where Redis does not answer."""

    def __init__(self, redis: Redis, *, prefix: str, timeout: timedelta) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self._timeout = timeout.total_seconds()

    async def find(self, incident_id: str) -> Incident | None:
        """The incident with this id, or the one that took in the event for which the id was foretold."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(self._keys.incident(incident_id))
        pipeline.get(self._keys.alias(incident_id))
        milestones, alias = await self._bounded(pipeline.execute())
        if alias and not milestones:
            incident_id = alias.decode()
            milestones = await self._bounded(self._redis.hgetall(self._keys.incident(incident_id)))
        return view_incident(incident_id, _decoded(milestones)) if milestones else None

    async def timeline(self, incident_id: str) -> list[dict[str, Any]]:
        """What happened to an incident, in the order of time."""
        entries = await self._bounded(self._redis.hgetall(self._keys.timeline(incident_id)))
        return sorted(_decoded(entries).values(), key=lambda entry: int(entry["at_ms"]))

    async def latest(self, *, limit: int, state: IncidentState | None) -> list[Incident]:
        """The incidents that were opened last, newest first; with a state, among the last thousand."""
        found: list[Incident] = []
        for start in range(0, _SCANNED, _CHUNK):
            chunk = await self._chunk(start)
            found += [incident for incident in chunk if state is None or incident.state is state]
            if len(found) >= limit or len(chunk) < _CHUNK:
                break
        return found[:limit]

    async def open_incidents(self, source_keys: Sequence[str]) -> list[str | None]:
        """For each source key the incident that is open for it, as far as the read model knows."""
        held = await self._bounded(self._redis.mget([self._keys.open(key) for key in source_keys]))
        return [value.decode() if value else None for value in held]

    async def ping(self) -> None:
        """Returns where Redis answers."""
        await self._bounded(cast("Awaitable[Any]", self._redis.ping()))

    async def _chunk(self, start: int) -> list[Incident]:
        ids = await self._bounded(self._redis.zrevrange(self._keys.incidents, start, start + _CHUNK - 1))
        pipeline = self._redis.pipeline(transaction=False)
        for incident_id in ids:
            pipeline.hgetall(self._keys.incident(incident_id.decode()))
        hashes = await self._bounded(pipeline.execute()) if ids else []
        told = zip(ids, hashes, strict=True)
        return [view_incident(incident_id.decode(), _decoded(milestones)) for incident_id, milestones in told]

    async def _bounded(self, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                return await answer
        except (RedisError, OSError, TimeoutError) as problem:
            raise Unavailable(f"Redis does not answer ({type(problem).__name__})") from problem


def _decoded(fields: dict[bytes, bytes]) -> dict[str, dict[str, Any]]:
    return {name.decode(): msgspec.json.decode(value) for name, value in fields.items()}
