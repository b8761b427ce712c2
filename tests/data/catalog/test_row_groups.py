"""Windows of a tape: no gap, no overlap, and about the requested number of records."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from qe_plugins.data.catalog.row_groups import RowGroup, windows

spans = st.builds(
    lambda first, length, rows: RowGroup(Path("a"), 0, rows, first, first + length),
    st.integers(0, 10**18),
    st.integers(0, 10**15),
    st.integers(1, 10**5),
)


@settings(max_examples=100)
@example([RowGroup(Path("a"), 0, 1, at, at) for at in (0, 9_208_081_978_490_879)], 1_000)
@given(st.lists(spans, min_size=1, max_size=20), st.integers(1_000, 10**6))
def test_windows_cover_the_tape_once(groups: list[RowGroup], chunk: int) -> None:
    first, last = min(one.first for one in groups), max(one.last for one in groups)
    found = list(windows(groups, chunk, first, last))
    assert (found[0][0], found[-1][1]) == (first, last)
    assert all(begin <= end for begin, end in found)
    assert all(one[1] + 1 == following[0] for one, following in pairwise(found))


def test_an_even_tape_gives_even_windows() -> None:
    found = list(windows([RowGroup(Path("a"), 0, 10_000, 0, 9_999)], 1_000, 0, 9_999))
    assert len(found) == 10
    assert {end - begin for begin, end in found} <= {998, 999, 1_000}
