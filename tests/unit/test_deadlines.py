"""The queue of deadlines against a plain list: what is due is found whatever was added, taken out and looked at before."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust

from hypothesis import given
from hypothesis import strategies as st

from streams.deadlines import DeadlineQueue
from streams.decide.escalation import Deadline, DeadlineKind
from streams.reliable.table import DurableTable


EVENT: Any = SimpleNamespace(message=SimpleNamespace(partition=0))
TIMES = st.integers(min_value=0, max_value=20)
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove", "look", "pass"]), TIMES))


class Rows:
    """A table of one partition."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def read(self, _event: object, key: bytes) -> bytes | None:
        """The value of a key."""
        return self.rows.get(key)

    def write(self, _event: object, key: bytes, value: bytes | None) -> None:
        """Set or delete a key."""
        self.rows.pop(key, None)
        if value is not None:
            self.rows[key] = value

    def scan(self, _partition: int, start: bytes, stop: bytes, most: int) -> list[tuple[bytes, bytes]]:
        """What lies between, in order."""
        return sorted(row for row in self.rows.items() if start <= row[0] < stop)[:most]


def deadline(due_ms: int) -> Deadline:
    return Deadline(due_ms, f"i{due_ms}", DeadlineKind.PAGE)


@given(steps=STEPS, most=st.integers(min_value=1, max_value=4))
def test_what_is_due_is_found_whatever_was_looked_at_before(steps: list[tuple[str, int]], most: int) -> None:
    """Also where a deadline comes in that lies before the last look, and where the clock was put back."""
    rows: Any = Rows()
    queue, pending = DeadlineQueue(rows), set[Deadline]()
    for what, at in steps:
        if what == "add":
            queue.replace(EVENT, None, deadline(at))
            pending.add(deadline(at))
        elif what == "remove":
            queue.remove(EVENT, deadline(at))
            pending.discard(deadline(at))
        elif what == "look":
            assert sorted(each for each in pending if each.due_ms <= at)[:1] == queue.due(0, at, 1)
        else:
            expected = sorted(each for each in pending if each.due_ms <= at)[:most]
            assert expected == queue.due(0, at, most)
            for each in expected:
                queue.remove(EVENT, each)
                queue.advance(0, each)
            pending.difference_update(expected)


def test_a_scan_ends_where_it_was_told_to(tmp_path: Path) -> None:
    """In RocksDB: the first key counts, the last does not, Faust's own row is none of ours."""
    app = faust.App("a", store="rocksdb://", datadir=str(tmp_path))
    table = DurableTable(app, name="t", key_type=bytes, value_type=bytes, options={"driver": "rocksdict"})
    store: Any = table.data
    store.set_persisted_offset(EVENT.message, 1)
    for key in (b"1", b"2", b"3", b"4"):
        store._db_for_partition(0).put(key, b"x")  # Without a stream there is no other way in.

    assert [(b"2", b"x"), (b"3", b"x")] == table.scan(0, b"2", b"4", 9)
    assert [(b"2", b"x")] == table.scan(0, b"2", b"4", 1)
    assert [] == table.scan(0, b"4", b"2", 9)
