"""A small made chain in the store, ESH26 and its weekly options of a Friday, and runs on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from nautilus_trader.model import InstrumentId, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from qe_plugins.config.loader import load
from qe_plugins.data.options.frames import BARS, QUOTES, ChainData
from qe_plugins.data.options.store import store
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.market.listed_options import named_option
from tests.command import ROOT

MINUTE = 60_000_000_000
EXPIRY = 1_767_992_400_000_000_000  # 2026-01-09 21:00 UTC, 15:00 in Chicago
QUARTERLY_EXPIRY = 1_774_013_400_000_000_000  # 2026-03-20 13:30 UTC, 08:30 in Chicago
QUARTERLY_CALL = "ESH26 C7000"
CALL, FAR_CALL, PUT = "EW2F26 C7000", "EW2F26 C7020", "EW2F26 P6990"

type Quote = tuple[float | None, float | None, int, int]
"""Bid, ask, and the contracts at each."""

QUOTED: dict[str, Quote] = {
    CALL: (9.5, 10.25, 5, 4),
    FAR_CALL: (2.0, 2.25, 9, 9),
    PUT: (3.25, 3.5, 9, 9),
}


def write_chain(
    prices: Mapping[int, float] | float = 7_007.75,
    quotes: Mapping[str, Quote] | None = None,
    later: Mapping[int, Mapping[str, Quote]] | None = None,
    expiry: int = EXPIRY,
    minutes: int = 40,
) -> None:
    """Store a chain of some minutes from half an hour before the expiry on (UTC ns).

    `prices` are the future's closes by minute; the last one holds on. Options are quoted every
    minute as `quotes`, or as `later` has them from a minute on.
    """
    known = {0: prices} if isinstance(prices, float) else prices
    bars, rows, price, current = [], [], 0.0, dict(quotes or QUOTED)
    start, day = expiry - 30 * MINUTE, date.fromtimestamp(expiry / 1e9)
    for minute in range(1, minutes + 1):
        ts = start + minute * MINUTE
        price = known.get(minute, known.get(0, price) if minute == 1 else price)
        current |= (later or {}).get(minute, {})
        bars.append((ts, "ESH26", price, price, price, price, 100.0))
        rows += [(ts, name, bid, ask, b, a) for name, (bid, ask, b, a) in current.items()]
    frame = pl.DataFrame(bars, schema=BARS, orient="row")
    contracts = {name: named_option(name, day) for name in quotes or QUOTED}
    store(
        ChainData(
            root="ES",
            contracts=contracts,
            known=dict.fromkeys(contracts, day),
            quotes=pl.DataFrame(rows, schema=QUOTES, orient="row"),
            futures=frame.select("ts", "future", price="close"),
            bars=frame,
            refused={},
        )
    )


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An order at a quote: at which quote, of which option, signed contracts, its limit.

    At the first one the future has no bar yet, and no margin is known.
    """

    at: int = 2
    option: str
    size: int
    limit: str | None = None


class StepsConfig(msgspec.Struct, frozen=True, kw_only=True):
    steps: list[Step]


class Steps(Strategy):
    """Sends each order at its quote of the first step's option."""

    def __init__(self, config: StepsConfig) -> None:
        super().__init__(config)
        self.number = 0

    def on_start(self) -> None:
        self.subscribe_quotes(InstrumentId.from_str(f"{self.config.steps[0].option}.XCME"))

    def on_quote(self, _quote: Any) -> None:
        self.number += 1
        due = [step for step in self.config.steps if step.at == self.number]
        if due:
            self.submit_order_list([self.order(step) for step in due])

    def order(self, step: Step) -> Any:
        contract = InstrumentId.from_str(f"{step.option}.XCME")
        side = OrderSide.BUY if step.size > 0 else OrderSide.SELL
        size = Quantity.from_int(abs(step.size))
        if step.limit is None:
            return self.order_factory.market(contract, side, size)
        return self.order_factory.limit(contract, side, size, Price.from_str(step.limit))


def trade(
    tmp_path: Path,
    *steps: dict[str, Any],
    options: str = "{root: ES}",
    more: str = "",
    flat_before: str = "0s",
    strategy: str = "tests.engine.option_runs:Steps",
    risk: str = "100_000 USD",
) -> BacktestResult:
    """Run the steps of a strategy on the stored chain; by default expiry is held.

    The rung allows fifty contracts.
    """
    file = tmp_path / "options.yaml"
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: options\n"
        f"data: {{options: {options}}}\n"
        f"rung: {{name: 1 ES, risk: {risk}, max_contracts: 50}}\n"
        f"expiry: {{flat_before: {flat_before}}}\n"
        "strategies:\n"
        f"  steps: {{path: '{strategy}', config: {{steps: {list(steps)}}}}}\n"
        f"{more}"
    )
    return run(load(file))


def fills(outcome: BacktestResult) -> list[tuple[str, int, float, float]]:
    """Return minute, signed contracts, price and fee of each fill, with its contract."""
    rows = outcome.fills.select("ts", "instrument_id", "side", "quantity", "price", "commission")
    return [
        (f"{ts:%H:%M} {name.partition('.')[0]}", int(n) * (1 if side == "BUY" else -1), price, fee)
        for ts, name, side, n, price, fee in rows.rows()
    ]


class StopSteps(Steps):
    """Sends stop orders."""

    def order(self, step: Step) -> Any:
        contract = InstrumentId.from_str(f"{step.option}.XCME")
        size = Quantity.from_int(abs(step.size))
        return self.order_factory.stop_market(
            contract, OrderSide.SELL, size, Price.from_str("1.00")
        )
