"""The producer of the streams puts a key where every other producer puts it."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.reliable.producer import _partitioner


@given(key=st.binary(), count=st.integers(1, 64))
def test_a_key_has_kafkas_own_partition_however_often_it_is_asked_for(key: bytes, count: int) -> None:
    """Else an alert would be decided about where its incident is not."""
    partitions = list(range(count))
    expected = DefaultPartitioner()(key, partitions, partitions)

    assert [expected, expected] == [_partitioner(key, partitions, partitions) for _ in range(2)]


@given(count=st.integers(1, 64))
def test_what_has_no_key_goes_to_a_partition_that_has_a_leader(count: int) -> None:
    """A dead letter of a record without a key."""
    partitions = list(range(count))

    assert _partitioner(None, partitions, partitions[:1]) == 0
