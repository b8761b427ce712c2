"""Tasks about listed options: market prices, computed figures, and what a mask hides."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from qe_plugins.fleet.prompts.masking import Mask
from qe_plugins.fleet.prompts.requests import Renderer
from qe_plugins.fleet.settings import Chains, Tasks
from qe_plugins.fleet.tasks.chain_rows import chain_frame
from qe_plugins.fleet.tasks.snapshot import MarketSnapshot
from qe_plugins.fleet.tasks.task_list import TaskList
from tests.options.made_chain import store_made_chain

AT = datetime(2025, 12, 29, 15)
NS = 1_767_020_400_000_000_000
FUTURE = "ESH26.XCME"


@pytest.fixture
def market():
    """Return the market of a made chain, and of a day of minute bars of its future."""
    store_made_chain([(AT + i * timedelta(minutes=3), 7_000.0, 0.18) for i in range(-1, 1)])
    closes = 7_000.0 * np.exp(np.random.default_rng(1).normal(0, 2e-4, 1_400).cumsum())
    bars = pl.DataFrame(
        {
            "ts": NS - np.arange(1_399, -1, -1) * 60_000_000_000,
            "instrument": FUTURE,
            **dict.fromkeys(("open", "high", "low", "close"), closes),
            "volume": np.ones(1_400),
        }
    )
    return MarketSnapshot(bars, chain_frame("ES", NS))


def tasks_of(market, **wanted):
    return list(TaskList(Tasks(chains=Chains(**wanted)), market))


def test_each_contract_is_a_task_with_its_market_price_and_computed_figures(market):
    tasks = tasks_of(market, delta=(0.1, 0.2))
    rows = {one["symbol"]: one for one in market.chain.iter_rows(named=True)}

    assert len({one.target for one in tasks}) == len(tasks) >= 8
    for one in tasks:
        [symbol] = one.symbols
        assert (one.facts["bid"], one.facts["ask"]) == (rows[symbol]["bid"], rows[symbol]["ask"])
        assert one.facts["implied"] == pytest.approx(rows[symbol]["surface"], abs=0.01)
        assert 0.1 <= abs(one.facts["delta"]) <= 0.2
        assert abs(one.facts["off_surface"]) < 3
        assert one.instrument == FUTURE


def test_a_spread_is_sold_at_its_bid_and_bought_at_its_offer(market):
    every = tasks_of(market, delta=(0.1, 0.2), widths=(50.0,))
    spreads = [one for one in every if len(one.symbols) == 2]
    rows = {one["symbol"]: one for one in market.chain.iter_rows(named=True)}

    assert spreads
    for one in spreads:
        sold, bought = (rows[symbol] for symbol in one.symbols)
        assert (bought["strike"] - sold["strike"]) * sold["sign"] == 50
        assert one.facts["credit"] == pytest.approx(sold["bid"] - bought["ask"])
        assert one.facts["credit_of_width"] == pytest.approx(one.facts["credit"] / 50, abs=1e-4)


def test_a_masked_prompt_shows_neither_symbol_nor_strike_nor_price(market):
    one = tasks_of(market, delta=(0.1, 0.2), widths=(50.0,))[-1]
    masked = Renderer(Mask(market.instruments)).task(one)
    shown = Renderer(Mask(market.instruments, enabled=False)).task(one)

    assert one.symbols[0] in shown
    assert "credit: " in shown
    for telling in ("ESH26", "EW2", str(int(one.facts["credit"] * 100)), "implied: "):
        assert telling not in masked
    assert "off_surface: " in masked


def test_a_saved_market_has_its_chain_again(market, tmp_path):
    market.save(tmp_path)

    assert MarketSnapshot.load(tmp_path).chain.equals(market.chain)
