"""Chains from LEAN's and Databento's files, and the store of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from qe_plugins.data.options.databento import read_databento
from qe_plugins.data.options.lean import read_lean
from qe_plugins.data.options.store import load, read_source, store, stored_days
from qe_plugins.errors import DataError
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.listed_options import named_option, underlying_at
from qe_plugins.market.option_terms import ExerciseStyle, Fixing, option_ticks, short_rate


def test_definitions_of_databento_give_style_underlying_and_expiry(shared_data):
    weekly = read_databento(shared_data / "databento/nautilus/options_exercise", "ES")
    quarterly = read_databento(shared_data / "databento/nautilus/options_catalog", "ES")
    one = weekly.contracts["EW2F26 C7000"]
    other = quarterly.contracts["ESM24 P5250"]

    assert (one.style, one.fixing, one.underlying) == ("european", "vwap", "ESH26")
    assert f"{one.expires:%Y-%m-%dT%H:%M}" == "2026-01-09T21:00"
    assert (other.style, other.fixing, other.underlying) == ("american", "settlement", "ESM24")
    assert (weekly.quotes.height, quarterly.quotes.height) == (8, 20)
    assert weekly.futures["price"].to_list()[:2] == [7008.0, 7007.5]
    assert quarterly.futures["future"].unique().to_list() == ["ESM24"]


def test_a_day_is_read_back_from_the_store_as_it_was_written(shared_data):
    source = read_source(shared_data / "databento/nautilus/options_exercise", "ES")
    store(source)
    found = load("ES", date(2026, 1, 9))

    assert stored_days("ES") == [date(2026, 1, 9)]
    assert found.quotes.equals(source.quotes)
    assert found.futures.equals(source.futures)
    assert found.contracts == source.contracts


def test_a_day_that_is_not_stored_is_refused_with_the_command_that_stores_it():
    with pytest.raises(DataError, match="qe options import"):
        load("ES", date(2020, 1, 6))


def test_a_folder_without_options_is_refused(tmp_path):
    with pytest.raises(DataError, match="no definitions"):
        read_source(tmp_path, "ES")
    with pytest.raises(DataError, match="no such folder"):
        read_source(tmp_path / "gone", "ES")
    with pytest.raises(DataError, match="no option quotes"):
        read_lean(tmp_path, "ES")


def test_a_quote_is_known_a_minute_after_its_bar_began(shared_data):
    found = read_lean(shared_data / "es_options_2020", "ES")
    first = found.quotes.filter(pl.col("symbol") == "ESH20 C3250").row(0, named=True)

    assert first["ts"] == 1_578_265_260_000_000_000  # 2020-01-05 23:01 UTC
    assert (first["bid"], first["ask"]) == (57.25, 64.75)


@pytest.mark.parametrize(
    ("symbol", "day", "underlying"),
    [
        ("ESH20 C3250", date(2020, 3, 20), "ESH20"),
        ("EW2F6 C7000", date(2026, 1, 9), "ESH26"),
        ("EW3H6 C7000", date(2026, 3, 20), "ESM26"),
        ("EYCU6 C7000", date(2026, 9, 18), "ESZ26"),
        ("EX1H6 P7000", date(2026, 3, 6), "MESH26"),
    ],
)
def test_the_underlying_is_the_nearest_future_that_trades_after_the_option(symbol, day, underlying):
    assert named_option(symbol, day).underlying == underlying


@pytest.mark.parametrize(
    ("day", "at"), [(date(2025, 11, 28), "12:00"), (date(2025, 11, 21), "15:00")]
)
def test_a_weekly_option_expires_at_noon_where_its_future_closes_early(day, at):
    one = named_option(f"EW{4 if day.day > 21 else 3}X25 C7000", day)

    assert f"{one.expires.astimezone(CHICAGO):%H:%M}" == at


def test_ticks_and_rates_are_those_of_their_day():
    early, late = option_ticks("ES", date(2020, 1, 6)), option_ticks("ES", date(2026, 1, 9))

    assert early.tick_at(Decimal("8.25")) == Decimal("0.25")
    assert late.tick_at(Decimal("8.35")) == Decimal("0.05")
    assert late.tick_at(Decimal("12.25")) == Decimal("0.25")
    assert short_rate(date(2020, 1, 6)).rate == 0.0155
    assert short_rate(date(2024, 5, 9)).rate == 0.0533


def test_text_that_is_no_option_and_products_without_terms_are_refused():
    with pytest.raises(DataError, match="not the symbol of an option"):
        named_option("ESH26", date(2026, 3, 20))
    with pytest.raises(DataError, match="no product"):
        named_option("ZZ2F6 C7000", date(2026, 1, 9))


def test_the_styles_are_those_of_the_exchange():
    assert named_option("EW2F6 C7000", date(2026, 1, 9)).style is ExerciseStyle.EUROPEAN
    assert named_option("ESM24 P5250", date(2024, 6, 21)).style is ExerciseStyle.AMERICAN
    assert underlying_at("ES", named_option("ESM24 P5250", date(2024, 6, 21)).expiry,
                         Fixing.VWAP) == "ESU24"  # fmt: skip
