"""The producer of the streams puts a key where every other producer puts it."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.reliable.producer import partition_of


@given(key=st.binary(), count=st.integers(1, 64))
def test_a_key_has_kafkas_own_partition_however_often_it_is_asked_for(key: bytes, count: int) -> None:
    """Else an alert would be decided about where its incident is not."""
    partitions = list(range(count))
    expected = DefaultPartitioner()(key, partitions, partitions)

    assert [expected, expected] == [partition_of(key, count) for _ in range(2)]
