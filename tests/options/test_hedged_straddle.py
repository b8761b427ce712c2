"""Sold volatility earns implied less realised, by our pricing and by the engine's accounting."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from qe_plugins.cli.options import options as command
from qe_plugins.config.loader import load
from qe_plugins.data.options.frames import BARS, QUOTES, ChainData
from qe_plugins.data.options.store import store
from qe_plugins.engine.running.backtest import run
from qe_plugins.market.listed_options import named_option
from qe_plugins.options.hedged_straddle import (
    generated_paths,
    hedge_of,
    hedged_profits,
    straddle_premium,
    straddle_risk,
)
from qe_plugins.report.summary import summarize
from tests.command import ROOT

PRICE, SESSIONS = 5_000.0, 21
FEW, MANY = 400, 8_000

sample = pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.long)])


@sample
@pytest.mark.parametrize(("implied", "points"), [(0.18, 23.03), (0.20, 46.07), (0.16, 0.0)])
def test_a_hedged_straddle_earns_implied_less_realised_volatility(implied, points, count):
    found = straddle_risk(PRICE, implied, 0.16, SESSIONS, count, seed=11)

    assert found.expected == pytest.approx(points, abs=0.005)
    assert abs(found.mean - found.expected) <= 3 * found.error


def test_the_command_prints_what_the_page_states_of_a_market_that_moves_more():
    text = (ROOT / "configs/OPTIONS.md").read_text()
    done = CliRunner().invoke(command, ["straddle", "--implied", "0.16", "--realised", "0.25"])
    shown = [line.strip() for line in done.output.splitlines()]
    page = [line.strip() for line in text.splitlines()]

    assert done.exit_code == 0
    assert len(shown) == 8
    assert set(shown) <= set(page)


def test_a_price_that_is_no_number_is_refused():
    words = ["straddle", "--implied", "0.16", "--realised", "0.25", "--price", "nan"]
    done = CliRunner().invoke(command, words)

    assert done.exit_code == 2
    assert "must be a price, was nan" in done.output


STEP = timedelta(minutes=30)
OPENS, EXPIRES = datetime(2026, 1, 8, 15, tzinfo=UTC), datetime(2026, 1, 9, 21, tzinfo=UTC)
CALL, PUT = "EW2F26 C5000", "EW2F26 P5000"
UNITS = 10
"""Straddles: a tenth of one is a whole contract."""

VOLATILITY, YEAR = 0.18, 365 * 86_400


class HedgesConfig(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Hedges(Strategy):
    """Sells straddles at the first bar, and offsets their delta at each one before expiry."""

    def on_start(self) -> None:
        self.future = InstrumentId.from_str("ESH26.XCME")
        for name in (CALL, PUT):
            self.subscribe_quotes(InstrumentId.from_str(f"{name}.XCME"))
        self.subscribe_bars(BarType.from_str("ESH26.XCME-1-MINUTE-LAST-EXTERNAL"))
        self.held = 0

    def on_bar(self, bar: Bar) -> None:
        seconds = EXPIRES.timestamp() - bar.ts_event / 1e9
        if seconds <= 0:
            return
        if seconds == (EXPIRES - OPENS).total_seconds():
            for name in (CALL, PUT):
                self.send(InstrumentId.from_str(f"{name}.XCME"), -UNITS)
        price = np.array([bar.close.as_double()])
        wanted = round(hedge_of(price, PRICE, seconds / YEAR, VOLATILITY).item() * UNITS)
        self.send(self.future, wanted - self.held)
        self.held = wanted

    def send(self, contract: Any, contracts: int) -> None:
        if contracts:
            side = OrderSide.BUY if contracts > 0 else OrderSide.SELL
            size = Quantity.from_int(abs(contracts))
            self.submit_order(self.order_factory.market(contract, side, size))


@pytest.mark.parametrize("seed", [3, 4])
def test_the_engine_books_what_the_arithmetic_says_to_the_cent(tmp_path, seed):
    moments, left, path = generated_tape(seed)
    call = put = np.round(straddle_premium(PRICE, PRICE, float(left[0]), VOLATILITY) * 2) / 4
    expected = hedged_profits(path, left, PRICE, float(call + put), VOLATILITY)
    store_tape(moments, path[:, 0], float(call))
    outcome = run(load(written(tmp_path)))
    figures = summarize(outcome, tmp_path)
    earned = figures["final_equity"] - figures["starting_balance"] + figures["fees"]

    assert outcome.failures == []
    assert {one["outcome"] for one in outcome.settlements} >= {"expired worthless"}
    assert earned == pytest.approx(expected.gross.item() * UNITS * 50, abs=0.005)


def generated_tape(seed: int) -> tuple[list[datetime], np.ndarray, np.ndarray]:
    """Return each half hour to expiry, the years left then, and the future's prices on one path."""
    moments = [OPENS + n * STEP for n in range(int((EXPIRES - OPENS) / STEP) + 1)]
    moments = [one for one in moments if one.hour != 22]  # the daily pause
    left = np.array([(EXPIRES - one).total_seconds() / YEAR for one in moments])
    walk = generated_paths(PRICE, 0.16, SESSIONS, 1, seed)[: len(moments)]
    return moments, left, np.round(walk * 4) / 4


def store_tape(
    moments: list[datetime],
    path: np.ndarray,
    premium: float,
    quotes: list[tuple[int, str, float, float, int, int]] | None = None,
) -> None:
    """Store bars of ESH26 that begin where the last one ended, and `quotes` of the options.

    Without any each option has one quote a day, at `premium`.
    """
    stamps = [int(one.timestamp()) * 10**9 for one in moments]
    before = [path[0], *path[:-1]]
    bars = [
        (ts, "ESH26", first, max(first, last), min(first, last), last, 1_000.0)
        for ts, first, last in zip(stamps, before, path, strict=True)
    ]
    frame = pl.DataFrame(bars, schema=BARS, orient="row")
    days = (stamps[0], next(ts for ts, one in zip(stamps, moments, strict=True) if one.day == 9))
    daily = [(ts, name, premium, premium + 1, 50, 50) for ts in days for name in (CALL, PUT)]
    contracts = {name: named_option(name, date(2026, 1, 9)) for name in (CALL, PUT)}
    store(
        ChainData(
            root="ES",
            contracts=contracts,
            known=dict.fromkeys(contracts, date(2026, 1, 8)),
            quotes=pl.DataFrame(quotes or daily, schema=QUOTES, orient="row"),
            futures=frame.select("ts", "future", price="close"),
            bars=frame,
            refused={},
        )
    )


def written(folder: Any) -> Any:
    """Return a configuration that runs the hedges without slippage."""
    file = folder / "straddle.yaml"
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: straddle\n"
        "data: {options: {root: ES}}\n"
        "rung: {name: 1 ES, risk: 100_000 USD, max_contracts: 50}\n"
        "expiry: {flat_before: 0s}\n"
        "nautilus: {venue: {starting_balances: ['9_000_000 USD']}}\n"
        "slippage: {model: none}\n"
        "strategies:\n"
        "  hedges: {path: 'tests.options.test_hedged_straddle:Hedges', config: {}}\n"
    )
    return file
