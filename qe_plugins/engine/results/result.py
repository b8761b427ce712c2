"""The result of a finished run as plain data, without engine objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from qe_plugins.data.checks.completeness import PresentData

if TYPE_CHECKING:
    import polars as pl

    from qe_plugins.journal.facts import Fact
    from qe_plugins.plugins import PluginStats


class ContractInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A contract: `tick` in points, `multiplier` in currency a point, `expiry` UTC nanoseconds.

    Of an option `root` is that of its underlying future.
    """

    id: str
    root: str
    tick: Decimal
    multiplier: Decimal
    currency: str
    precision: int
    expiry: int
    is_option: bool = False


class DataInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a run. `source` is dbn, catalog or synthetic; `label` describes it to a reader.

    `start` and `end` are the first and last event, UTC nanoseconds; `bars` counts bars, not quotes
    or trades. `present` says which sessions of the calendar have data; `refused` has the contracts
    that were left out for their definition, by name, and the reason.
    """

    source: str
    label: str
    start: int
    end: int
    bars: int
    contracts: list[ContractInfo]
    present: list[PresentData] = []
    refused: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class BacktestResult:
    """One finished run. Frames hold times as `Datetime("ns", "UTC")`, money as Float64.

    orders     ts, client_order_id, strategy, instrument_id, side, type, quantity, price, trigger,
               status, reason, filled, avg_price
    fills      ts, instrument_id, side, quantity, price, commission, currency, strategy,
               client_order_id, trade_id, position_id, liquidity, reference (the price that its
               order could expect: the close it was sent on, its trigger or its limit)
    positions  id, instrument_id, strategy, side (LONG/SHORT), quantity (peak), entry, exit,
               opened, closed, pnl (net), commissions, favorable, adverse, slippage  (one row a
               trade: from flat to flat; an open one has no exit, closed, pnl and excursions)
    account    ts, balance, locked (margin held), currency
    signals    ts, id, source, kind (vote/signal), instrument_id, side, confidence, entry, stop,
               target, reason
    vetoes     ts, plugin, client_order_id, strategy, instrument_id, side, quantity, reason
    failures   one mapping a failure of a plugin: plugin, hook, error, where, first, last (UTC ns),
               traceback (of the first), count, text (one line)
    rolls      one mapping a roll: at (ISO), strategy, before, after, contracts, prices, spread,
               legs (price and fee of each), fees, reason, outcome
    settlements  one mapping a position held to expiry: order, instrument_id, strategy,
               contracts, price, basis (settlement, preliminary, vwap or bar), day, published, at,
               outcome (of an option, whose price is the fixing of its future)
    mode       backtest, or paper: a session
    log        the open file of the run's log, None without one
    open_premium  what options that are still open cost, in currency, negative where received: it is
               in `final_balance`, and no P&L
    marks      ts, instrument_id, close: last close of every hour in which the contract traded
    option_quotes  ts, instrument_id, bid, ask, bid_size, ask_size of the options that were traded;
               None without any
    """

    run_id: str
    name: str
    engine: str
    started: datetime
    data: DataInfo
    catalog: Path
    bar_spec: str
    starting_balance: Decimal
    final_balance: Decimal
    open_premium: Decimal = Decimal(0)
    currency: str
    orders: pl.DataFrame
    fills: pl.DataFrame
    positions: pl.DataFrame
    account: pl.DataFrame
    signals: pl.DataFrame
    vetoes: pl.DataFrame
    marks: pl.DataFrame
    fills_sha256: str
    plugins: list[PluginStats]
    assumptions: list[str]
    failures: list[dict[str, Any]] = field(default_factory=list)
    rolls: list[dict[str, Any]] = field(default_factory=list)
    settlements: list[dict[str, Any]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    log: IO[str] | None = None
    option_quotes: pl.DataFrame | None = None
    mode: str = "backtest"

    @property
    def net_pnl(self) -> Decimal:
        """Return the realised P&L less fees, without the premiums of options that are open."""
        return self.final_balance - self.starting_balance + self.open_premium
