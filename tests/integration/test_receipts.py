"""Receipts in a real Redis: what is asked for together is answered to each, and nobody's end is another's."""

import asyncio

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from ackline.local_stack import Endpoints
from state.client import connect
from state.receipts import RedisReceipts, SlackReceipt
from tests.edge import settings_for


@asynccontextmanager
async def receipts_of(stack: Endpoints, prefix: str) -> AsyncIterator[RedisReceipts]:
    """Receipts as one process has them: its own memory is empty."""
    redis = connect(settings_for(stack, prefix).redis)
    yield RedisReceipts(redis, prefix=prefix, timeout=timedelta(seconds=20))
    await redis.aclose()


async def test_each_gets_the_answer_to_its_own_question(stack: Endpoints, topic_prefix: str) -> None:
    """A hundred questions of one moment, of which every other has an answer, are answered as if asked one by one."""
    kept = [SlackReceipt("C1", str(number)) for number in range(0, 100, 2)]
    async with receipts_of(stack, topic_prefix) as before:
        await asyncio.gather(*(before.keep(f"n{each.ts}", each, f"i{each.ts}") for each in kept))
    async with receipts_of(stack, topic_prefix) as now:
        posted = await asyncio.gather(*(now.posted(f"n{number}") for number in range(100)))
        messages = await asyncio.gather(*(now.message(f"i{number}") for number in range(100)))

    assert [each for receipt in kept for each in (receipt, None)] == posted == messages


async def test_whoever_stops_asking_leaves_the_others_their_answers(stack: Endpoints, topic_prefix: str) -> None:
    """A lane that ends while Redis is asked must not end the lanes that ask with it."""
    async with receipts_of(stack, topic_prefix) as before:
        await before.keep_over("page")
    async with receipts_of(stack, topic_prefix) as now:
        gone, patient = [asyncio.create_task(now.is_over("page")) for _ in range(2)]
        await asyncio.sleep(0)
        gone.cancel()

        assert await patient
        assert gone.cancelled()


async def test_without_redis_everybody_hears_nothing(stack: Endpoints, topic_prefix: str) -> None:
    """Nobody raises and nobody waits; what this process did itself it still knows."""
    settings = settings_for(stack, topic_prefix, redis={"port": 1})
    redis = connect(settings.redis)
    receipts = RedisReceipts(redis, prefix=topic_prefix, timeout=timedelta(seconds=2))
    await receipts.keep_over("mine")

    assert [True, False, False] == await asyncio.gather(*(receipts.is_over(name) for name in ("mine", "a", "b")))
    assert receipts.trouble
    await redis.aclose()
