"""Last trading days and first notice days against published ones."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.market.contract_key import ContractKey
from qe_plugins.market.expiry import first_notice, last_trade, limit, listed, stops_trading

ROOTS = st.sampled_from(["ES", "CL", "GC", "ZN"])
DISAGREEING: set[tuple[str, str]] = set()  # (contract, published last trade), from 2010 on


def published(shared_data):
    """Yield contract, last trade and first notice of CL and GC from 2010 on."""
    with (shared_data / "rolls" / "expiry_table.csv").open() as file:
        for row in csv.DictReader(file):
            root = row["tick.prefix"]
            if root in ("CL", "GC") and row["Last.Trade"] >= "2010":
                delivery = date.fromisoformat(row["First.Delivery"])
                key = ContractKey(root, delivery.year, delivery.month)
                yield key, row["Last.Trade"], row["First.Notice"]


def test_oil_and_gold_agree_with_the_published_table_from_2010_on(shared_data):
    table = list(published(shared_data))
    differing = {
        (key.name, last)
        for key, last, notice in table
        if (str(last_trade(key)), str(first_notice(key))) != (last, notice)
    }
    assert len(table) > 240
    assert differing == DISAGREEING


def test_es_expires_on_the_day_of_the_genuine_definitions(shared_data):
    from qe_plugins.data.dbn.definitions import definition_files, read_definitions
    from tests.data.dbn_tape import globex

    found = read_definitions(definition_files(globex(shared_data)), ["ES", "NQ"]).contracts
    futures = [one for one in found if one.kind == "future"]
    assert len(futures) == 13
    assert {one.id: one.expiry.date() for one in futures} == {
        one.id: last_trade(one.key) for one in futures
    }


@pytest.mark.parametrize(
    ("key", "last", "notice"),
    [
        (ContractKey("ES", 2024, 9), "2024-09-20", None),
        (ContractKey("ES", 2026, 6), "2026-06-18", None),  # the third Friday is Juneteenth
        (ContractKey("ZN", 2024, 3), "2024-03-19", "2024-02-29"),
        (ContractKey("ZN", 2024, 12), "2024-12-19", "2024-11-29"),
        (ContractKey("GC", 2024, 4), "2024-04-26", "2024-03-28"),  # Good Friday is the 29th
        (ContractKey("CL", 2020, 5), "2020-04-21", "2020-04-23"),
        (ContractKey("CL", 2025, 1), "2024-12-19", "2024-12-23"),
    ],
)
def test_last_trade_and_first_notice(key, last, notice):
    stated = first_notice(key)
    assert str(last_trade(key)) == last
    assert (str(stated) if stated else None) == notice


@given(ROOTS, st.dates(date(2010, 6, 7), date(2030, 1, 1)))
def test_contracts_are_listed_in_the_order_of_their_limits(root, start):
    contracts = listed(root, start)
    keys = [next(contracts) for _ in range(6)]
    limits = [limit(key) for key in keys]
    assert keys == sorted(keys)
    assert limits == sorted(set(limits))
    assert limits[0] > start


@pytest.mark.parametrize(
    ("symbol", "defined", "stops"),
    [
        ("MESZ6", "2026-12-18 22:00", "2026-12-18 14:30"),  # as Interactive Brokers defines it
        ("ESH25", "2025-03-21 13:30", "2025-03-21 13:30"),
        ("CLF25", "2024-12-20 04:00", "2024-12-19 19:30"),
        ("XYZH25", "2025-03-21 13:30", "2025-03-21 13:30"),
    ],
)
def test_a_contract_stops_trading_when_the_exchange_says(
    symbol: str, defined: str, stops: str
) -> None:
    def nanoseconds(text: str) -> int:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1_000_000_000

    assert stops_trading(symbol, nanoseconds(defined)) == nanoseconds(stops)
