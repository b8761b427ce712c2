"""Invalid records of any source are refused before the first bar."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.checks.prices import PRICES, wrong_bars
from qe_plugins.data.synthetic.label import LABEL
from qe_plugins.errors import DataError
from tests.data.dbn_tape import opened

BAR_TYPE = "MESH24.XCME-1-MINUTE-LAST-EXTERNAL"
MINUTE = 60_000_000_000
TICK = 250_000_000


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    made = opened(synthetic=SyntheticSettings(sessions=2)).catalog
    mine = Path(shutil.copytree(made, tmp_path / "mine"))
    (mine / LABEL).unlink()
    return mine


def change(folder: Path, edit: Callable[[pa.Table], pa.Table]) -> Path:
    """Write the first series of a catalog again, with something else in it."""
    file = next(folder.glob(f"data/bars/{BAR_TYPE}/*.parquet"))
    with pq.ParquetFile(file) as parquet:
        table = parquet.read().replace_schema_metadata(parquet.schema_arrow.metadata)
    pq.write_table(edit(table), file)
    return file


def moved(name: str, by: str, row: int = 40) -> Callable[[pa.Table], pa.Table]:
    """Return an edit that adds so many points to one price of one bar."""

    def edit(table: pa.Table) -> pa.Table:
        values = table[name].to_pylist()
        values[row] += pa.scalar(by).cast(pa.decimal128(38, 16)).as_py()
        column = pa.array(values, table.schema.field(name).type)
        return table.set_column(
            table.schema.get_field_index(name), table.schema.field(name), column
        )

    return edit


def refusal(**given_: object) -> str:
    with pytest.raises(DataError) as caught:
        opened(**given_)
    return str(caught.value)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (moved("low", "-0.10"), "1 bar with price off the tick of 0.25"),
        (moved("high", "0.0625"), "1 bar with price off the tick of 0.25"),
        (moved("high", "-900"), "1 bar with high below low"),
        (moved("close", "900"), "1 bar with open or close outside of high and low"),
        (lambda table: pa.concat_tables([table[:60], table[59:]]), "1 duplicate"),
        (
            lambda table: pa.concat_tables([table[:5], table[6:7], table[5:6], table[7:]]),
            "1 bar earlier than the one before",
        ),
    ],
)
def test_a_wrong_bar_of_a_catalog_is_refused(catalog: Path, edit, says: str) -> None:
    change(catalog, edit)

    said = refusal(catalog=str(catalog))

    assert said.startswith(f"run.yaml:catalog: {BAR_TYPE}: {says}")
    assert " 2024-01-0" in said
    assert "\n" not in said


def test_two_files_with_the_same_minutes_are_refused(catalog: Path) -> None:
    file = next(catalog.glob(f"data/bars/{BAR_TYPE}/*.parquet"))
    shutil.copy(file, file.with_name(f"2{file.name[1:-9]}9.parquet"))

    assert "earlier than the one before" in refusal(catalog=str(catalog))


def test_what_lies_outside_of_the_window_does_no_harm(catalog: Path) -> None:
    change(catalog, moved("close", "0.10", row=0))

    assert opened(catalog=str(catalog), start=datetime(2024, 1, 2, 12)).bars > 0
    assert "first 2024-01-01T23:01:00Z" in refusal(catalog=str(catalog))


def test_prices_of_other_decimals_than_the_contract_are_refused(catalog: Path) -> None:
    def edit(table: pa.Table) -> pa.Table:
        return table.replace_schema_metadata(table.schema.metadata | {b"price_precision": b"3"})

    change(catalog, edit)

    assert "has prices of 3 decimals, and MESH24.XCME has 2" in refusal(catalog=str(catalog))


def test_a_missing_price_is_refused(catalog: Path) -> None:
    def edit(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index("close")
        gone = pc.if_else(pa.array(np.arange(table.num_rows) == 3), None, table["close"])
        field = table.schema.field("close").with_nullable(True)
        return table.set_column(at, field, gone)

    change(catalog, edit)

    assert "a value is missing" in refusal(catalog=str(catalog))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("multiplier", "500", "MESH24.XCME: multiplier 500, but 5 in configs/markets.yaml"),
        ("price_increment", "0.05", "MESH24.XCME: tick 0.05, but 0.25 in configs/markets.yaml"),
    ],
)
def test_a_contract_of_a_catalog_with_other_terms_is_refused(
    catalog: Path, field: str, value: str, says: str
) -> None:
    from nautilus_trader.model import FuturesContract
    from nautilus_trader.persistence import ParquetDataCatalog

    march = ParquetDataCatalog(str(catalog)).instruments(["MESH24.XCME"])[0].to_dict()
    shutil.rmtree(catalog / "data/futures_contract/MESH24.XCME")
    ParquetDataCatalog(str(catalog)).write_instruments(
        [FuturesContract.from_dict(march | {field: value})]
    )

    assert says in refusal(catalog=str(catalog), instruments=["MESH24.XCME"])


def test_a_check_that_passed_is_made_again_when_a_file_changes(catalog: Path) -> None:
    opened(catalog=str(catalog))
    change(catalog, moved("low", "-0.10"))

    assert "off the tick" in refusal(catalog=str(catalog))


def sound(draw: st.DrawFn) -> tuple[dict[str, np.ndarray], np.ndarray]:
    count = draw(st.integers(1, 30))
    steps = st.lists(st.integers(-40, 40), min_size=count, max_size=count)
    opens, closes = (np.array(draw(steps), np.int64) for _ in range(2))
    above, below = (np.abs(np.array(draw(steps), np.int64)) for _ in range(2))
    prices = {
        "open": opens,
        "high": np.maximum(opens, closes) + above,
        "low": np.minimum(opens, closes) - below,
        "close": closes,
    }
    gaps = draw(st.lists(st.integers(1, 9), min_size=count, max_size=count))
    return {n: column * TICK for n, column in prices.items()}, np.cumsum(gaps) * MINUTE


sounds = st.composite(sound)()


@settings(max_examples=100)
@given(sounds)
def test_sound_bars_pass_whatever_their_sign(bars) -> None:
    assert list(wrong_bars(*bars, TICK)) == []


@settings(max_examples=100)
@given(sounds, st.data())
def test_any_price_between_two_ticks_is_found(bars, data) -> None:
    prices, stamps = bars
    row = data.draw(st.integers(0, len(stamps) - 1))
    name = data.draw(st.sampled_from(PRICES))
    prices[name][row] += data.draw(st.integers(1, TICK - 1))

    assert any("off the tick" in text for text in wrong_bars(prices, stamps, TICK))


@settings(max_examples=100)
@given(sounds, st.data())
def test_any_bar_whose_low_is_not_its_lowest_is_found(bars, data) -> None:
    prices, stamps = bars
    row = data.draw(st.integers(0, len(stamps) - 1))
    lowest = min(int(prices[name][row]) for name in PRICES if name != "low")
    prices["low"][row] = lowest + data.draw(st.integers(1, 50)) * TICK

    assert list(wrong_bars(prices, stamps, TICK))


@settings(max_examples=100)
@given(sounds, st.data())
def test_any_bar_that_comes_twice_or_too_late_is_found(bars, data) -> None:
    prices, stamps = bars
    row = data.draw(st.integers(0, len(stamps) - 1))
    before = data.draw(st.integers(0, row))
    order = np.insert(np.arange(len(stamps)), row + 1, before)

    again = {name: column[order] for name, column in prices.items()}
    assert list(wrong_bars(again, stamps[order], TICK))
