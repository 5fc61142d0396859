"""The table of rows says what a table of Python's would say, in a fraction of the room."""

import tracemalloc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from diptych.pipelines.rendering.output.positions import Placed, Positions

ROWS = st.one_of(st.integers(1, 9), st.integers(1, 10**12))
DEEDS = st.lists(st.tuples(st.booleans(), ROWS, st.sampled_from([None, "p.txt", "q.txt"]), st.integers(1, 99)))


def placed(row: int, **values: Any) -> Placed:
    said = {
        "start": 7,
        "length": 9,
        "at": -1,
        "size": 5,
        "done": True,
        "named": False,
        "source": None,
        "number": None,
    }
    return Placed(row=row, **{**said, **values})


@given(DEEDS)
def test_it_is_as_a_plain_table(deeds: list[tuple[bool, int, str | None, int]]) -> None:
    positions, plain = Positions(), dict[int, Placed]()
    for put, row, source, number in deeds:
        if put or row not in plain:
            plain[row] = placed(row, source=source, number=number, done=number % 2 > 0, start=number)
            positions.put(plain[row])
        else:
            positions.drop(row)
            del plain[row]
        assert len(positions) == len(plain)
    assert list(positions.in_order()) == [plain[row] for row in sorted(plain)]
    assert all(positions.get(row) == plain.get(row) for _, row, _, _ in deeds)
    assert positions.done == sum(each.done for each in plain.values())
    assert sum(positions.groups().values()) == len(plain)
    assert set(positions.groups()) == {(each.source, each.row - (each.number or 0)) for each in plain.values()}


def test_a_row_takes_64_bytes() -> None:
    tracemalloc.start()
    positions = Positions()
    for row in range(1, 20_001):
        positions.put(placed(row, source="p.txt", number=row))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 90 * 20_000
