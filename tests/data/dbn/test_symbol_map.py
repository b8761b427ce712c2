"""The contract of an instrument id on a day: ids and raw names are reused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from qe_plugins.data.dbn.root_bars import is_outright_of
from qe_plugins.data.dbn.symbol_map import DAY_NS, name_on, names_of_records, symbol_map
from qe_plugins.errors import DataError

OLD, NEW = dt.date(2013, 12, 2), dt.date(2023, 12, 4)
FILE = Path("bars.dbn.zst")


def interval(day: dt.date, symbol: str) -> dict[str, object]:
    return {"start_date": day, "end_date": day + dt.timedelta(days=5), "symbol": symbol}


def header(**mappings: list[dict[str, object]]) -> SimpleNamespace:
    return SimpleNamespace(mappings=mappings)


def test_a_raw_name_ten_years_apart_is_two_contracts() -> None:
    symbols = symbol_map(header(ESZ3=[interval(OLD, "7"), interval(NEW, "7")]), FILE)

    assert name_on(7, OLD, symbols) == "ESZ13"
    assert name_on(7, NEW, symbols) == "ESZ23"
    assert name_on(7, OLD - dt.timedelta(days=1), symbols) == ""
    assert name_on(8, OLD, symbols) == ""


def test_an_id_that_two_roots_use_on_other_days_has_both_names() -> None:
    metadata = header(ESZ3=[interval(OLD, "7")], NQZ3=[interval(NEW, "7")])
    symbols = symbol_map(metadata, FILE, lambda name: is_outright_of(name, ["ES", "NQ"]))

    assert [name_on(7, day, symbols) for day in (OLD, NEW)] == ["ESZ13", "NQZ23"]


def test_a_name_without_an_id_is_left_out_and_a_word_for_an_id_is_refused() -> None:
    assert symbol_map(header(ESZ3=[interval(OLD, "")]), FILE) == {}
    with pytest.raises(DataError, match="which is no instrument id"):
        symbol_map(header(ESZ3=[interval(OLD, "seven")]), FILE)


def test_each_record_has_the_name_of_its_id_on_its_day() -> None:
    symbols = symbol_map(header(ESZ3=[interval(OLD, "7")], ESH4=[interval(OLD, "8")]), FILE)
    day = (OLD - dt.date(1970, 1, 1)).days
    records = np.array(
        [(8, day * DAY_NS), (7, day * DAY_NS + 1), (8, (day + 1) * DAY_NS), (9, day * DAY_NS)],
        dtype=[("instrument_id", "u4"), ("ts_event", "u8")],
    )

    names, index = names_of_records(records, symbols)

    assert [names[one] for one in index] == ["ESH14", "ESZ13", "ESH14", ""]
