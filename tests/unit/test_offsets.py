"""An offset is committable only when everything before it is finished."""

from hypothesis import given
from hypothesis import strategies as st

from notifiers.offsets import Progress


def read(*offsets: int) -> Progress:
    """Progress of a partition from which these records were read."""
    progress = Progress()
    for offset in offsets:
        progress.began(offset, 10)
    return progress


def test_nothing_read_is_nothing_to_commit() -> None:
    """A partition that was only just assigned keeps the position that Kafka has."""
    assert Progress().committable() is None


def test_the_first_unfinished_record_holds_the_offset() -> None:
    """Records behind it may be finished; after a crash it must be read again."""
    progress = read(5, 6, 7)
    progress.finished(6)
    progress.finished(7)

    assert 5 == progress.committable()


def test_when_all_is_finished_the_next_offset_is_committable() -> None:
    """Kafka is told where to read on, and gaps (compaction, transactions) are passed over."""
    progress = read(5, 9)
    progress.finished(9)
    progress.finished(5)

    assert 10 == progress.committable()


def test_what_kafka_knows_is_not_told_again() -> None:
    """An idle partition commits nothing."""
    progress = read(5)
    progress.finished(5)
    progress.committed(6)

    assert progress.committable() is None


def test_what_waits_is_counted() -> None:
    """The bound of the read-ahead is by records and by bytes."""
    progress = read(1, 2, 3)
    progress.finished(2)

    assert (2, 20) == (len(progress), progress.unfinished_bytes)


@given(st.sets(st.integers(0, 200), min_size=1).flatmap(lambda offsets: st.tuples(
    st.just(sorted(offsets)), st.permutations(sorted(offsets)), st.integers(0, len(offsets)))))  # fmt: skip
def test_whatever_the_order_nothing_unfinished_is_passed(case: tuple[list[int], list[int], int]) -> None:
    """The committable offset is never beyond an unfinished record, and never short of a finished beginning."""
    offsets, order, count = case
    progress = read(*offsets)
    for offset in order[:count]:
        progress.finished(offset)
    unfinished = sorted(order[count:])

    assert progress.committable() == (unfinished[0] if unfinished else offsets[-1] + 1)
