"""Where in Slack an incident's message is, which notifications have been posted already, and which pages are over.

Receipts let a message be updated and answered in its thread, and keep a record that is delivered again from being
posted again. All of it is a convenience: without Redis the process remembers what it did itself, and in doubt a
message is posted twice rather than not at all. What many lanes ask in the same moment is one question to Redis.
"""

import asyncio

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from redis.asyncio import Redis
from redis.exceptions import RedisError


KEPT = timedelta(days=31)
"""As long as the topics keep the story, and so as long as an incident can have news."""

MARKS_KEPT = timedelta(days=2)
"""A record is delivered again only while its offset is not committed: moments, or as long as nobody runs."""

REMEMBERED = 10_000
"""Entries in this process's own memory."""

Value = TypeVar("Value")
Item = TypeVar("Item")
Answer = TypeVar("Answer")

_Kept = Mapping[str, tuple[bytes, timedelta]]
"""By name: what is kept, and for how long."""


class SlackReceipt(msgspec.Struct, frozen=True):
    """An incident's message."""

    channel: str
    """Slack's own id of the channel, which an update needs even where the channel was given by name."""
    ts: str
    status_lines: tuple[str, ...] = ()
    """What the message says has happened since, oldest first."""


_YES, _NO = b"1", b"0"


class Receipts(Protocol):
    """Where receipts are kept. No method raises."""

    async def message(self, incident_id: str) -> SlackReceipt | None:
        """The incident's message, or None where it has none or nobody could be asked."""
        ...

    async def posted(self, notification_id: str) -> SlackReceipt | None:
        """The receipt of this notification, where it was delivered before."""
        ...

    async def keep(self, notification_id: str, receipt: SlackReceipt, incident_id: str | None) -> None:
        """A notification was delivered; with an incident id, this is from now on the incident's message."""
        ...

    async def fell_back(self, dedup_key: str) -> bool:
        """Whether this page went through the default key, because its own was rejected."""
        ...

    async def keep_fallback(self, dedup_key: str) -> None:
        """The page went through the default key."""
        ...

    async def forget_fallback(self, dedup_key: str) -> None:
        """It did not: that key was refused as well."""
        ...

    async def is_over(self, dedup_key: str) -> bool:
        """Whether PagerDuty was told, or is being told, that what this page was about is over."""
        ...

    async def keep_over(self, dedup_key: str) -> None:
        """PagerDuty is about to be told."""
        ...


class RedisReceipts:
    """Receipts in Redis, and the latest ones in memory too."""

    def __init__(self, redis: Redis, *, prefix: str, timeout: timedelta) -> None:
        self._redis = redis
        self._prefix = prefix
        self._timeout = timeout.total_seconds()
        self._memory: _Latest[bytes] = _Latest(REMEMBERED)
        self._reads, self._writes = _Together(self._read), _Together(self._write)
        self.trouble: str | None = None
        """What was wrong with Redis when it was last asked; None where all was well."""

    async def message(self, incident_id: str) -> SlackReceipt | None:
        """See `Receipts`."""
        return _receipt(await self._get(f"slack-message:{incident_id}"))

    async def posted(self, notification_id: str) -> SlackReceipt | None:
        """See `Receipts`."""
        return _receipt(await self._get(f"slack-posted:{notification_id}"))

    async def keep(self, notification_id: str, receipt: SlackReceipt, incident_id: str | None) -> None:
        """See `Receipts`."""
        value = msgspec.json.encode(receipt)
        kept = {f"slack-posted:{notification_id}": (value, MARKS_KEPT)}
        if incident_id is not None:
            kept[f"slack-message:{incident_id}"] = (value, KEPT)
        await self._set(kept)

    async def fell_back(self, dedup_key: str) -> bool:
        """See `Receipts`."""
        return await self._get(f"fallback:{dedup_key}") == _YES

    async def keep_fallback(self, dedup_key: str) -> None:
        """See `Receipts`."""
        await self._set({f"fallback:{dedup_key}": (_YES, KEPT)})

    async def forget_fallback(self, dedup_key: str) -> None:
        """See `Receipts`."""
        await self._set({f"fallback:{dedup_key}": (_NO, KEPT)})

    async def is_over(self, dedup_key: str) -> bool:
        """See `Receipts`."""
        return await self._get(f"page-over:{dedup_key}") == _YES

    async def keep_over(self, dedup_key: str) -> None:
        """See `Receipts`."""
        await self._set({f"page-over:{dedup_key}": (_YES, MARKS_KEPT)})

    async def _get(self, name: str) -> bytes | None:
        if (held := self._memory.get(name)) is not None:
            return held
        return (await self._reads.do(name)).get(name)

    async def _set(self, kept: _Kept) -> None:
        for name, (value, _lifetime) in kept.items():
            self._memory.put(name, value)
        await self._writes.do(kept)

    async def _read(self, names: list[str]) -> dict[str, bytes | None]:
        values = await self._asked(self._redis.mget([self._prefix + name for name in names]))
        return dict(zip(names, values, strict=True)) if values else {}

    async def _write(self, each: list[_Kept]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for kept in each:
            for name, (value, lifetime) in kept.items():
                pipeline.set(self._prefix + name, value, ex=lifetime)
        await self._asked(pipeline.execute())

    async def _asked(self, call: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await call
        except (RedisError, OSError, TimeoutError) as problem:
            self.trouble = f"{type(problem).__name__} {problem}".strip()
            return None
        self.trouble = None
        return answer


class _Together(Generic[Item, Answer]):
    """Does in one call what comes within one turn of the loop."""

    def __init__(self, call: Callable[[list[Item]], Awaitable[Answer]]) -> None:
        self._call = call
        self._items: list[Item] = []
        self._round: asyncio.Task[Answer]

    async def do(self, item: Item) -> Answer:
        """The answer to the call that this item went with."""
        if not self._items:
            self._round = asyncio.create_task(self._go())
        self._items.append(item)
        # Whoever is cancelled must not take the answer from the others.
        return await asyncio.shield(self._round)

    async def _go(self) -> Answer:
        items, self._items = self._items, []
        return await self._call(items)


class _Latest(Generic[Value]):
    """The entries that were used latest, and no more than so many."""

    def __init__(self, longest: int) -> None:
        self._entries: OrderedDict[str, Value] = OrderedDict()
        self._longest = longest

    def get(self, name: str) -> Value | None:
        if name in self._entries:
            self._entries.move_to_end(name)
        return self._entries.get(name)

    def put(self, name: str, value: Value) -> None:
        self._entries[name] = value
        self._entries.move_to_end(name)
        if len(self._entries) > self._longest:
            self._entries.popitem(last=False)


def _receipt(value: bytes | None) -> SlackReceipt | None:
    if value is None:
        return None
    try:
        return msgspec.json.decode(value, type=SlackReceipt)
    except msgspec.DecodeError:
        return None
