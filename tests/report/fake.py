"""A finished run from a seeded random tape: everything a report reads, without an engine."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from qe_plugins.engine.results.result import BacktestResult, ContractInfo, DataInfo
from qe_plugins.plugins import PluginStats
from tests.report import tape
from tests.report.tape import TICK, TS

MULTIPLIER, FEE, MARGIN = 5.0, 0.57, 1_500.0
HOSTILE = "<script>alert('veto')</script> no stop & no target"
RESOLVED = {
    "name": "quickstart",
    "data": {"synthetic": {"root": "MES", "seed": 7}},
    "strategies": {"ema_cross": {"fast": 10, "slow": 30}},
    "plugins": {"max_failures": 100, "guardian_limits": {"max_contracts": 1}},
}
REASONS = (
    ("guardian_limits", "one contract at a time, was 2"),
    ("guardian_limits", "one contract at a time, was 3"),
    ("guardian_limits", HOSTILE),
    ("guardian_volatility", "range of the last 15 bars is 31.25 points, limit 24"),
    ("guardian_volatility", "range of the last 15 bars is 28.50 points, limit 24"),
)
COLUMNS = {
    "orders": "ts client_order_id strategy instrument_id side type quantity price trigger status"
    " reason filled avg_price",
    "fills": "ts instrument_id side quantity price commission currency strategy client_order_id"
    " trade_id position_id liquidity reference",
    "positions": "id instrument_id strategy side quantity entry exit opened closed pnl commissions"
    " favorable adverse slippage",
    "account": "ts balance locked currency",
    "signals": "ts id source kind instrument_id side confidence entry stop target reason",
    "vetoes": "ts plugin client_order_id strategy instrument_id side quantity reason",
    "marks": "ts instrument_id close",
}
TIMES = {"ts", "opened", "closed"}
NUMBERS = (
    "quantity price trigger filled avg_price commission entry exit pnl commissions favorable"
    " adverse slippage balance locked confidence stop target close"
    " reference"
)


def frame(name: str, rows: list[tuple] | None = None) -> pl.DataFrame:
    """Return one of an outcome's frames from rows in its column order; times are nanoseconds.

    The last columns of a row may be left out.
    """
    columns = COLUMNS[name].split()
    full = [(*row, *[None] * (len(columns) - len(row))) for row in rows or []]
    kinds = {
        column: pl.Int64
        if column in TIMES
        else pl.Float64
        if column in NUMBERS.split()
        else pl.String
        for column in columns
    }
    made = pl.DataFrame(full, schema=kinds, orient="row")
    return made.with_columns(pl.col(column).cast(TS) for column in columns if column in TIMES)


def contract(name: str = "MESH24.XCME", multiplier: float = MULTIPLIER) -> ContractInfo:
    """Return the facts of one contract with a quarter-point tick."""
    return ContractInfo(
        id=name, root="MES", tick=Decimal("0.25"), multiplier=Decimal(str(multiplier)),
        currency="USD", precision=2, expiry=1_710_509_400_000_000_000,
    )  # fmt: skip


def bare(catalog: Path, **changes: object) -> BacktestResult:
    """Return a run in which nothing happened, changed as asked."""
    given: dict[str, object] = {
        "run_id": "20240301T120000Z-quiet",
        "name": "quiet",
        "engine": "nautilus_trader 2.0.0rc7",
        "started": datetime(2024, 3, 1, 12, tzinfo=UTC),
        "data": DataInfo(
            source="catalog",
            label="MES from the catalog",
            start=1_704_236_400_000_000_000,
            end=1_704_322_800_000_000_000,
            bars=1_380,
            contracts=[contract()],
        ),
        "catalog": catalog,
        "bar_spec": "1-MINUTE-LAST",
        "starting_balance": Decimal(100_000),
        "final_balance": Decimal(100_000),
        "currency": "USD",
        "fills_sha256": "e3b0" + "0" * 60,
        "plugins": [],
        "assumptions": [],
        "seconds": {"load": 0.5, "run": 2.0},
        **{name: frame(name) for name in COLUMNS},
    }
    return BacktestResult(**{**given, **changes})  # type: ignore[arg-type]


def busy(catalog: Path, *, seed: int = 7, sessions: int = 60, trades: int = 220) -> BacktestResult:
    """Return a run with two contract months, winners, losers, vetoes and a hostile reason."""
    rng = np.random.default_rng(seed)
    stamps = tape.minutes(date(2024, 1, 3), sessions)
    names = ("MESH24.XCME", "MESM24.XCME")
    front = tape.bars(rng, stamps)
    tapes = {names[0]: front, names[1]: front.with_columns(pl.col("^open|high|low|close$") + 52.5)}
    for name, bars in tapes.items():
        tape.write(catalog, name, bars)
    desk = _Desk(tapes, rng)
    desk.trade(trades)
    final = Decimal(str(round(100_000 + sum(row[9] for row in desk.positions), 2)))
    return bare(
        catalog, run_id=f"20240401T093000Z-quickstart-{seed}", name="quickstart",
        started=datetime(2024, 4, 1, 9, 30, tzinfo=UTC) + timedelta(minutes=seed),
        data=DataInfo(
            source="synthetic", label=f"SYNTHETIC MES-like tape, seed {seed}",
            start=int(stamps[0]), end=int(stamps[-1]), bars=2 * stamps.size,
            contracts=[contract(name) for name in names],
        ),
        final_balance=final, fills_sha256=f"{seed:02d}9f" + "ab" * 30,
        plugins=[
            PluginStats(name="hunter_momentum", role="HUNTER", asked=stamps.size,
                        answered=len(desk.signals), seconds=1.31),
            PluginStats(name="guardian_limits", role="GUARDIAN", asked=trades + 40,
                        answered=trades + 40, vetoed=27, seconds=0.014),
            PluginStats(name="guardian_volatility", role="GUARDIAN", asked=trades + 40,
                        answered=trades + 39, vetoed=13, failed=1, seconds=0.052),
            PluginStats(name="analyst_trades", role="ANALYST", asked=trades, answered=trades),
        ],
        assumptions=[
            "Market orders fill at the next bar's open, one tick worse.",
            "Limit orders fill when the bar trades through their price.",
            "Fees are 0.57 USD a contract and side, all in.",
        ],
        seconds={"load": 0.84, "run": 3.2},
        orders=frame("orders", desk.orders), fills=frame("fills", desk.fills),
        positions=frame("positions", desk.positions), account=frame("account", desk.account),
        signals=frame("signals", desk.signals), vetoes=frame("vetoes", desk.vetoes),
        marks=tape.marks(tapes), rolls=[roll(int(stamps[stamps.size // 2]), *names)],
    )  # fmt: skip


def roll(at: int, before: str, after: str, **changes: object) -> dict[str, object]:
    """Return one roll of two contracts held long, each leg filled a tick worse."""
    moment = datetime.fromtimestamp(at // 10**9, UTC).isoformat()
    leg = {"order": "R-1", "instrument_id": before, "side": "SELL", "price": 4749.75, "fee": 1.14}
    into = {**leg, "order": "R-2", "instrument_id": after, "side": "BUY", "price": 4802.75}
    return {
        "at": moment, "strategy": "ema_cross", "before": before, "after": after, "contracts": 2.0,
        "prices": [4750.0, 4802.5], "spread": 52.5, "legs": [leg, into], "fees": 2.28,
        "reason": "volume on 2024-03-14: MESM24 868,208 > MESH24 347,764", "outcome": "rolled",
        **changes,
    }  # fmt: skip


class _Desk:
    """Trades at random, a little lucky, and keeps the rows of every frame."""

    def __init__(self, tapes: dict[str, pl.DataFrame], rng: np.random.Generator) -> None:
        self.tapes, self.rng, self.balance = tapes, rng, 100_000.0
        self.orders: list[tuple] = []
        self.fills: list[tuple] = []
        self.positions: list[tuple] = []
        self.account: list[tuple] = []
        self.signals: list[tuple] = []
        self.vetoes: list[tuple] = []

    def trade(self, count: int) -> None:
        minutes = next(iter(self.tapes.values())).height
        starts = np.linspace(30, minutes - 200, count).astype(int)
        for number, start in enumerate(starts.tolist()):
            name = list(self.tapes)[start > minutes * 0.6]
            self._one(number, name, start, start + int(self.rng.integers(3, 150)))
            if self.rng.random() < 0.18:
                self._veto(number, name, start + 2)

    def _one(self, number: int, name: str, start: int, end: int) -> None:
        bars = self.tapes[name].slice(start, end - start + 1)
        moved = bars["close"][-1] - bars["close"][0]
        long = (moved > 0) == (self.rng.random() < 0.54)
        sign, quantity = (1 if long else -1), float(self.rng.integers(1, 4))
        entry, exit_ = bars["close"][0] + sign * TICK, bars["close"][-1] - sign * TICK
        opened, closed = (int(bars["ts_event"].to_physical()[i]) for i in (0, -1))
        fees, worth = 2 * FEE * quantity, MULTIPLIER * quantity
        pnl = round((exit_ - entry) * sign * worth - fees, 2)
        best, worst = (bars["high"].max(), bars["low"].min())[:: 1 if long else -1]
        self.positions.append(
            (f"P-{number}", name, "ema_cross", "LONG" if long else "SHORT", quantity, entry,
             exit_, opened, closed, pnl, fees, max((best - entry) * sign * worth, 0.0),
             max((entry - worst) * sign * worth, 0.0), 2 * TICK)
        )  # fmt: skip
        for leg, (ts, side, price) in enumerate(((opened, long, entry), (closed, not long, exit_))):
            self._fill(f"O-{number}-{leg}", name, ts, "BUY" if side else "SELL", quantity, price)
        self.account.append((opened, self.balance, MARGIN * quantity, "USD"))
        self.balance += pnl
        self.account.append((closed, self.balance, 0.0, "USD"))
        self.signals.append(
            (opened, f"S-{number}", "hunter_momentum", "vote", name, "LONG" if long else "SHORT",
             0.6, entry, entry - sign * 4, entry + sign * 8, "momentum")
        )  # fmt: skip

    def _fill(self, order: str, name: str, ts: int, side: str, size: float, price: float) -> None:
        self.orders.append(
            (ts, order, "ema_cross", name, side, "MARKET", size, None, None, "FILLED", None, size,
             price)
        )  # fmt: skip
        self.fills.append(
            (ts, name, side, size, price, FEE * size, "USD", "ema_cross", order, f"T{order}",
             f"P-{order}", "TAKER", price - TICK if side == "BUY" else price + TICK)
        )  # fmt: skip

    def _veto(self, number: int, name: str, at: int) -> None:
        ts = int(self.tapes[name]["ts_event"].to_physical()[at])
        plugin, reason = REASONS[int(self.rng.integers(len(REASONS)))]
        order = f"V-{number}"
        self.vetoes.append((ts, plugin, order, "ema_cross", name, "BUY", 2.0, reason))
        self.orders.append(
            (ts, order, "ema_cross", name, "BUY", "MARKET", 2.0, None, None, "DENIED", reason,
             0.0, None)
        )  # fmt: skip
