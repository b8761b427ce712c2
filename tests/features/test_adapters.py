"""Families of other libraries behind the same checks, which find what is known to look ahead."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
import polars as pl
import pytest

from qe_plugins.errors import FeatureError
from qe_plugins.features.adapters import pandas_ta_families, polars_family, talib_families
from qe_plugins.features.checks.invariances import check_family
from tests.features.tapes import walk

BARS = walk(1_500, seed=3)

LOOK_AHEAD = {
    "ics_26",
    "dpo_20",
    *("tos_stdevall_lr", "tos_stdevall_l_1", "tos_stdevall_u_1", "tos_stdevall_l_2"),
    *("tos_stdevall_u_2", "tos_stdevall_l_3", "tos_stdevall_u_3"),
}
"""Columns of pandas-ta-classic 0.8.32 that use bars of the future."""

FROM_THE_START = {
    *("ad", "obv", "obv_min_2", "obv_max_2", "obve_4", "obve_12", "nvi_1", "pvi_1", "pvt", "wad"),
    *("dd", "dd_pct", "dd_log", "vwap_d"),
}
"""Its columns that add up from the first bar, or from that of a drawdown or of a UTC day."""


def broken(functions: Iterable[str], moments: int = 5) -> dict[str, set[str]]:
    """Return the columns of pandas-ta that break an invariance, by invariance, and all columns."""
    pytest.importorskip("pandas_ta_classic")
    found: dict[str, set[str]] = {"prefix": set(), "start": set(), "poison": set(), "all": set()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for function in functions:
            for family in pandas_ta_families(function, BARS):
                found["all"].add(family.name)
                for one in check_family(f"1m.{family.name}", family, BARS, moments):
                    found[one.invariance].add(family.name)
    return found


def test_columns_of_pandas_ta_that_look_ahead_or_remember_the_start_are_named():
    found = broken(["dpo", "ichimoku", "obv", "rsi", "sma", "atr"])

    assert found["prefix"] == found["poison"] == {"dpo_20", "ics_26"}
    assert found["start"] == {"dpo_20", "ics_26", "obv"}


@pytest.mark.long
def test_exactly_the_known_columns_of_pandas_ta_are_named():
    ta = pytest.importorskip("pandas_ta_classic")
    functions = [one for group in ta.Category.values() for one in group if one != "mavp"]

    found = broken(functions)

    assert found["prefix"] == found["poison"] == LOOK_AHEAD
    assert found["start"] == LOOK_AHEAD | FROM_THE_START
    assert len(found["all"]) > 380


def test_a_function_of_talib_is_a_family():
    pytest.importorskip("talib")
    [rsi] = talib_families("RSI", lookback=1_000, timeperiod=14)

    assert rsi.name == "rsi"
    assert 0 < rsi.function(BARS)[-1] < 100
    assert check_family("1m.rsi", rsi, BARS, 5) == []


def test_a_function_with_several_outputs_is_several_families():
    pytest.importorskip("talib")

    names = [one.name for one in talib_families("MACD", lookback=1_000)]

    assert names == ["macd_macd", "macd_macdsignal", "macd_macdhist"]


def test_an_unknown_function_is_one_line():
    pytest.importorskip("talib")

    with pytest.raises(FeatureError, match="TA-Lib has no function 'RSSI'"):
        talib_families("RSSI", lookback=10)


def test_a_polars_expression_is_a_family():
    family = polars_family("mean", pl.col("close").rolling_mean(20), lookback=20)

    assert np.isclose(family.function(BARS)[-1], BARS.close[-20:].mean())
    assert check_family("1m.mean", family, BARS, 20) == []


def test_a_polars_expression_that_looks_ahead_is_found():
    family = polars_family("next", pl.col("close").shift(-1), lookback=1)

    assert "prefix" in {one.invariance for one in check_family("1m.next", family, BARS, 20)}
