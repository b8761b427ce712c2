"""The figures of a run as one JSON-safe object: `qe backtest --json` and `result.json`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from qe_plugins.report.figures import (
    benchmark,
    capacity,
    contamination,
    costs,
    data_coverage,
    margin,
    metrics,
    option_pnl,
)
from qe_plugins.report.figures.equity import AccountHistory

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult
    from qe_plugins.plugins import PluginStats

RETURNS = "returns on equity marked to market at each Chicago session's last mark, "
RUINED = "undefined, since equity was zero or negative at some mark"


def summarize(
    outcome: BacktestResult, run_dir: Path, history: AccountHistory | None = None
) -> dict[str, Any]:
    """Return every figure of a run, ready for JSON; None where a figure is undefined.

    Money is in `currency`, returns and drawdowns are fractions, times are ISO 8601 in UTC.
    `run_folder.draft` adds `seconds.report`.
    """
    history = history or AccountHistory.of(outcome)
    closed = metrics.closed(outcome.positions)
    contracts = outcome.data.contracts
    return {
        **_identity(outcome, run_dir),
        **_counts(outcome),
        **metrics.figures(closed),
        "open_trades": outcome.positions.height - closed.height,
        **_money(outcome, history),
        **_performance(outcome, history),
        **_costs(outcome, costs.of_trades(outcome.positions, contracts)),
        **margin.figures(margin.against(history.curve, outcome.account)),
        "capacity": capacity.document(capacity.estimate(outcome, history)),
        **option_pnl.figures(outcome),
        **data_coverage.figures(outcome.data.present, outcome.positions, contracts),
        "fills_sha256": outcome.fills_sha256,
        "inputs": {name: sha for one in outcome.plugins for name, sha in one.inputs.items()},
        "by_contamination": contamination.split(outcome),
        "bars_per_second": _rate(outcome.data.bars, outcome.seconds.get("run")),
        "rolls": costs.priced(outcome.rolls, contracts),
        "settlements": outcome.settlements,
        "assumptions": outcome.assumptions,
        "seconds": dict(outcome.seconds),
        "plugins": [_counters(one) for one in outcome.plugins],
        "failures": outcome.failures,
        "refused_by": denials_by_reason(outcome),
    }


def iso(moment: int) -> str:
    """Return UTC nanoseconds as ISO 8601 text to the second."""
    return datetime.fromtimestamp(moment // 10**9, UTC).isoformat()


def _identity(outcome: BacktestResult, run_dir: Path) -> dict[str, Any]:
    data = outcome.data
    return {
        "run_id": outcome.run_id,
        "run_dir": str(run_dir),
        "name": outcome.name,
        "mode": outcome.mode,
        "started": outcome.started.astimezone(UTC).isoformat(),
        "engine": outcome.engine,
        "data_source": data.source,
        "data_label": data.label,
        "catalog": str(outcome.catalog),
        "bar_spec": outcome.bar_spec,
        "instruments": [contract.id for contract in data.contracts],
        "bars": data.bars,
        "start": iso(data.start),
        "end": iso(data.end),
    }


def _counts(outcome: BacktestResult) -> dict[str, Any]:
    return {
        "orders": outcome.orders.height,
        "fills": outcome.fills.height,
        "denied": outcome.orders.filter(pl.col("status") == "DENIED").height,
        "vetoes": outcome.vetoes.height,
        "signals": outcome.signals.filter(pl.col("kind") == "signal").height,
    }


def denials_by_reason(outcome: BacktestResult) -> dict[str, int]:
    """Return the denied orders by guardian or rule, if no order at all was accepted.

    Orders that the engine denied or the venue rejected count under its reason. Empty if an order
    was accepted, and if there were none.
    """
    orders = outcome.orders
    if orders.is_empty() or not orders["status"].is_in(["DENIED", "REJECTED"]).all():
        return {}
    vetoes = outcome.vetoes.select("client_order_id", by="plugin").unique()
    others = orders.join(vetoes, on="client_order_id", how="anti")
    reasons = others.select("client_order_id", by=pl.col("reason").fill_null("the engine"))
    counted = pl.concat([vetoes, reasons]).group_by("by").len().sort("len", "by", descending=True)
    return dict(counted.iter_rows())


def _money(outcome: BacktestResult, history: AccountHistory) -> dict[str, Any]:
    return {
        "currency": outcome.currency,
        "starting_balance": float(outcome.starting_balance),
        "final_balance": float(outcome.final_balance),
        "final_equity": history.final_equity,
        "net_pnl": float(outcome.net_pnl),
        "open_premium": float(outcome.open_premium),
        "open_contracts": history.open_contracts,
        "fees": round(float(outcome.fills["commission"].sum()), 6),
        "reconciles": history.reconciles(float(outcome.final_balance)),
    }


def _costs(outcome: BacktestResult, positions: pl.DataFrame) -> dict[str, Any]:
    slippage = costs.slippage(positions)
    net, fees = outcome.net_pnl, outcome.fills["commission"].sum()
    return {
        **slippage,
        **costs.cost_share(float(net), float(fees), slippage["slippage"]),
        **costs.totals(costs.priced(outcome.rolls, outcome.data.contracts)),
    }


def _performance(outcome: BacktestResult, history: AccountHistory) -> dict[str, Any]:
    """Return returns, drawdowns and ratios of the equity, annualised by the data's calendar."""
    returns, sessions = history.returns, history.sessions
    years = metrics.years(outcome.data.start, outcome.data.end, sessions.height)
    a_year = sessions.height / years if sessions.height else 0.0
    rates = {
        "cagr": metrics.cagr,
        "volatility": metrics.volatility,
        "sharpe": metrics.sharpe,
        "sortino": metrics.sortino,
        "calmar": metrics.calmar,
    }
    shape = {
        "skewness": metrics.skewness,
        "kurtosis": metrics.kurtosis,
        "value_at_risk": metrics.value_at_risk,
        "expected_shortfall": metrics.expected_shortfall,
    }
    basis = f"{RETURNS}annualised by the calendar: {sessions.height} sessions in {years:.2f} years"
    total = history.final_equity / history.starting - 1.0 if history.starting > 0 else None
    return {
        "returns": RUINED if history.ruined else basis,
        "sessions": sessions.height,
        "years": round(years, 6),
        "total_return": total if sessions.height else None,
        **{n: None if history.ruined else f(returns, a_year) for n, f in rates.items()},
        **{n: None if history.ruined else f(returns) for n, f in shape.items()},
        **benchmark.figures(outcome, history, a_year),
        "max_drawdown": sessions["drawdown"].min(),
        "max_drawdown_hourly": history.deepest,
        "longest_drawdown_sessions": metrics.longest_drawdown(history.depths),
        "exposure": history.exposure,
    }


def _counters(stats: PluginStats) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(stats)
    del plain["inputs"]  # those of all plugins are in `inputs`
    return plain


def _rate(bars: int, seconds: float | None) -> float | None:
    return round(bars / seconds, 1) if seconds else None
