"""When deadlines of a partition may be decided: once the ACKs that Kafka had are read, and after a while in any case."""

from collections.abc import Awaitable, Callable

import pytest

from streams import acks
from streams.acks import Acks
from tests.edge import until
from tests.integration.streams_world import NoClaims


PARTITION = 3


def acks_up_to(end: int, begun: int = 0) -> Acks:
    async def end_of(partition: int) -> int:
        assert PARTITION == partition
        return end

    return Acks(NoClaims(), end_of=end_of, begun_at=lambda _: begun)


def answering(*ends: int | None) -> Callable[[int], Awaitable[int | None]]:
    """One answer after the other; None for a Kafka that does not say."""
    answers = iter(ends)

    async def end_of(_: int) -> int | None:
        return next(answers)

    return end_of


@pytest.mark.parametrize(
    ("begun", "read", "is_known"),
    [
        pytest.param(0, None, False, id="nothing read"),
        pytest.param(5, None, True, id="all committed before"),
        pytest.param(4, None, False, id="one since the commit"),
        pytest.param(0, 3, False, id="one is left"),
        pytest.param(0, 4, True, id="all read"),
        pytest.param(0, 9, True, id="read beyond"),
    ],
)
async def test_deadlines_wait_for_acks_that_kafka_has(begun: int, read: int | None, *, is_known: bool) -> None:
    """Five ACKs are there."""
    known = acks_up_to(5, begun)
    if read is not None:
        known.read(PARTITION, read)

    assert is_known == await known.are_known(PARTITION)


async def test_the_wait_ends_with_the_last_ack_that_was_there_when_it_began() -> None:
    """Those that come meanwhile have no end."""
    known = Acks(NoClaims(), end_of=answering(2), begun_at=lambda _: 0)

    before = await known.are_known(PARTITION), known.awaited()
    known.read(PARTITION, 1)
    after = known.awaited(), await known.are_known(PARTITION), known.awaited()

    assert (False, set()) == before
    assert ({PARTITION}, True, set()) == after


async def test_a_kafka_that_does_not_say_is_asked_again() -> None:
    """No answer is no permission to page."""
    known = Acks(NoClaims(), end_of=answering(None, None, 0), begun_at=lambda _: 0)

    assert [False, False, True] == [await known.are_known(PARTITION) for _ in range(3)]


async def test_partitions_that_moved_are_read_again() -> None:
    """What was read before counts no more."""
    known = acks_up_to(1)
    known.read(PARTITION, 0)
    known.rewind()

    assert not await known.are_known(PARTITION)


async def test_in_doubt_somebody_is_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    """ACKs that Kafka has and does not give hold a page up once, and not for ever."""
    monkeypatch.setattr(acks, "PATIENCE_SECONDS", 0.05)
    known = acks_up_to(5)

    assert not await known.are_known(PARTITION)
    await until(lambda: known.are_known(PARTITION))
    assert await known.are_known(PARTITION)
