"""Decimals of a catalog as floats: the nearest ones, for any digits."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.data.catalog.decimals import scanned

Write = Callable[..., Path]
numbers = st.decimals(min_value=-1_000_000, max_value=9_000_000, places=9)


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Return a function that writes one column of decimals, `scale` digits after the point."""
    folder = tmp_path_factory.mktemp("decimals")

    def file(values: list[Decimal], scale: int = 16) -> Path:
        column = pa.array(values, pa.decimal128(38, scale))
        pq.write_table(pa.table({"close": column}), folder / "one.parquet")
        return folder / "one.parquet"

    return file


def read(file: Path) -> list[float]:
    return scanned(file, "close").collect()["close"].to_list()


@given(st.lists(numbers, min_size=1))
def test_a_price_is_the_float_nearest_to_it(write: Write, values: list[Decimal]) -> None:
    assert read(write(values)) == [float(value) for value in values]


@given(st.lists(st.integers(0, 4_000_000_000).map(Decimal), min_size=1))
def test_a_volume_is_exactly_itself(write: Write, values: list[Decimal]) -> None:
    assert read(write(values)) == [float(value) for value in values]


@pytest.mark.parametrize("scale", [2, 9, 12])
def test_decimals_of_another_scale_are_read_by_their_scale(write: Write, scale: int) -> None:
    assert read(write([Decimal("5000.25"), Decimal("-0.5")], scale)) == [5000.25, -0.5]


def test_what_is_too_large_is_refused_and_not_cut_off(write: Write) -> None:
    with pytest.raises(pl.exceptions.InvalidOperationError):
        read(write([Decimal(10) ** 10]))
