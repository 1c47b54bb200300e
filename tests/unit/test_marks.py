"""Numbers of a great many names in little room."""

from audit.marks import Marks


def test_each_name_has_its_own_mark() -> None:
    """Also where many lie in one bucket, and where a name was never marked."""
    marks = Marks()
    for number in range(200_000):
        marks.set(("incident", str(number)), number)

    assert [*range(0, 200_000, 997)] == [marks.get(("incident", str(number))) for number in range(0, 200_000, 997)]
    assert [None] * 100 == [marks.get(("incident", str(number))) for number in range(-100, 0)]


def test_bytes_of_two_entries_are_no_name() -> None:
    """What begins in the middle of an entry is passed over, and what follows it is found."""
    marks, name, within = Marks(), 1 + (1 << 32), 1 + (9 << 32)
    marks.set(name, 9)

    assert None is marks.get(within)
    marks.set(within, 7)
    assert [9, 7] == [marks.get(name), marks.get(within)]


def test_a_mark_of_zero_is_a_mark() -> None:
    """So that names can be known without one."""
    marks = Marks()
    marks.set("name")

    assert "name" in marks
    assert "another" not in marks
