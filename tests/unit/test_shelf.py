"""Bytes of a great many names in little room."""

from hypothesis import given
from hypothesis import strategies as st

from audit.shelf import Shelf


names = st.integers(0, 5)
values = st.binary(max_size=80)


@given(st.lists(st.tuples(names, values)))
def test_it_keeps_what_was_put_there_last(puts: list[tuple[int, bytes]]) -> None:
    """Whatever has grown, shrunk or gone in between; and nothing is there twice."""
    shelf, expected = Shelf(), dict[int, bytes]()
    for name, value in puts:
        shelf.put(name, value)
        expected[name] = value

    assert [expected.get(name, b"") for name in range(6)] == [shelf.get(name) for name in range(6)]
    assert sorted(filter(None, expected.values())) == sorted(shelf.values())


def test_what_grows_slowly_does_not_take_much_more_room() -> None:
    """A problem that is added to each few minutes is written again each time."""
    shelf = Shelf()
    for size in range(10_000):
        shelf.put("name", b"x" * size)

    assert 10_000 * 4 > len(shelf._memory)
