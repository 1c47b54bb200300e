"""Commits cover a finished prefix and nothing beyond it."""

from streams.reliable.ledger import Ledger


def delivered(*offsets: int) -> Ledger[str]:
    ledger: Ledger[str] = Ledger()
    for offset in offsets:
        ledger.delivered("p", offset)
    return ledger


def test_nothing_finished_commits_nothing() -> None:
    """As long as the first record is not finished there is nothing to commit."""
    ledger = delivered(10, 11, 12)
    ledger.finished("p", 11)
    ledger.finished("p", 12)

    assert ledger.take_committable("p") is None


def test_a_finished_prefix_is_committed_up_to_the_first_open_record() -> None:
    """The commit is one past the last record of the prefix, and later ones wait."""
    ledger = delivered(10, 11, 12)
    ledger.finished("p", 10)
    ledger.finished("p", 12)

    assert ledger.take_committable("p") == 11


def test_what_was_open_is_committed_once_it_is_finished() -> None:
    """Records that finished early count as soon as the one before them is done."""
    ledger = delivered(10, 11, 12)
    ledger.finished("p", 12)
    ledger.finished("p", 10)
    ledger.take_committable("p")
    ledger.finished("p", 11)

    assert ledger.take_committable("p") == 13


def test_offsets_that_do_not_exist_hold_up_nothing() -> None:
    """Transactions leave offsets without a record; only delivered ones count."""
    ledger = delivered(10, 14)
    ledger.finished("p", 10)
    ledger.finished("p", 14)

    assert ledger.take_committable("p") == 15


def test_a_partition_that_moved_counts_no_more() -> None:
    """A record finished after its partition was taken away commits nothing."""
    ledger = delivered(10)
    ledger.forget("p")
    ledger.finished("p", 10)

    assert ledger.take_committable("p") is None


def test_partitions_do_not_mix() -> None:
    """An open record of one partition does not hold up another."""
    ledger = delivered(10)
    ledger.delivered("q", 3)
    ledger.finished("q", 3)

    assert (ledger.take_committable("p"), ledger.take_committable("q")) == (None, 4)


def test_an_offset_that_is_passed_over_is_told() -> None:
    """From where the reading began on, each delivery is followed by the next."""
    ledger: Ledger[str] = Ledger()
    ledger.begin("p", 10)

    before = ledger.missed("p", 12), ledger.missed("p", 10)
    ledger.delivered("p", 10)
    after = ledger.missed("p", 12), ledger.missed("p", 11), ledger.missed("p", 10)

    assert (10, None) == before
    assert (11, None, None) == after


def test_where_reading_begins_anew_nothing_counts_as_passed_over() -> None:
    """Until it is known where that is."""
    ledger = delivered(10)
    ledger.forget("p")

    assert ledger.missed("p", 99) is None
