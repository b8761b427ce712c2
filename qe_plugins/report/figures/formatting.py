"""How figures are written for people: units, signs, thousands, and a dash for the unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qe_plugins.report.figures import data_coverage

UNKNOWN = "–"

KEY_FIGURES = (
    ("net_pnl", "Net P&L"),
    ("total_return", "Return"),
    ("sharpe", "Sharpe"),
    ("sortino", "Sortino"),
    ("max_drawdown", "Max drawdown"),
    ("volatility", "Volatility"),
    ("final_balance", "Final balance"),
    ("fees", "Commissions"),
    ("trades", "Trades"),
    ("win_rate", "Win rate"),
    ("profit_factor", "Profit factor"),
    ("expectancy", "Average trade"),
    ("fills", "Fills"),
    ("denied", "Orders denied"),
    ("exposure", "Time in market"),
    ("bars_per_second", "Bars a second"),
)
"""The first of them, without the last, are the tiles of the page."""

COST_FIGURES = (
    ("gross_pnl", "Gross P&L"),
    ("cost_share", "Costs, of gross"),
    ("slippage", "Slippage"),
    ("margin_peak_share", "Margin, at most"),
)


def money(value: float) -> str:
    """Return an amount with its sign, two decimals and thousands: -1,234.50."""
    return f"{0.0 if round(value, 2) == 0 else value:,.2f}"


def percent(value: float) -> str:
    """Return a fraction in percent: 0.1234 is 12.34%."""
    return f"{0.0 if round(value, 4) == 0 else value:.2%}"


def share(value: float | None) -> str:
    """Return a fraction in percent, a dash where it is undefined."""
    return UNKNOWN if value is None else percent(value)


def number(value: float) -> str:
    """Return a ratio with two decimals."""
    return f"{0.0 if round(value, 2) == 0 else value:,.2f}"


def count(value: float) -> str:
    """Return a whole number with thousands."""
    return f"{value:,.0f}"


KINDS: dict[Callable[[float], str], str] = {
    money: "net_pnl final_balance starting_balance final_equity fees expectancy average_win"
    " average_loss largest_win largest_loss slippage gross_pnl cost roll_cost roll_fees"
    " roll_slippage margin_peak margin_average",
    percent: "total_return cagr volatility max_drawdown max_drawdown_hourly win_rate exposure"
    " cost_share margin_peak_share margin_average_share",
    number: "sharpe sortino calmar profit_factor slippage_ticks average_minutes years",
    count: "trades slippage_trades fills orders denied vetoes signals bars bars_per_second"
    " sessions trades_over_gaps open_trades open_contracts longest_losing_streak"
    " longest_drawdown_sessions",
}
WRITTEN = {key: write for write, keys in KINDS.items() for key in keys.split()}


def say(key: str, figures: dict[str, Any]) -> str:
    """Return one figure as people write it, money with its currency.

    A figure that an older run does not have is as unknown as one that is None.
    """
    told = write(key, figures.get(key))
    known = figures.get(key) is not None and WRITTEN[key] is money
    return f"{told} {figures['currency']}" if known else told


def write(key: str, value: float | None) -> str:
    """Return the value of figure `key` as people write it, a dash where it is undefined."""
    return UNKNOWN if value is None else WRITTEN[key](value)


def label(key: str) -> str:
    """Return what figure `key` is called."""
    return dict(KEY_FIGURES + COST_FIGURES).get(key) or key.replace("_", " ").capitalize()


def caption(figures: dict[str, Any]) -> str:
    """Return where the data came from, over which time, and what the ratios rest on."""
    period = f"{figures['start'][:10]} to {figures['end'][:10]}"
    return (
        f"{figures['data_label']}, {figures['bars']:,} bars, {period} (UTC)\n"
        f"Ratios: {figures['returns']}."
    )


def covered(figures: dict[str, Any]) -> str:
    """Return which sessions and minutes of the calendar there is no data of; empty if unknown."""
    return "\n".join(data_coverage.in_words(figures))


def rolled(figures: dict[str, Any]) -> str:
    """Return how many rolls there were and what they cost; empty where there were none."""
    rolls = figures.get("rolls")
    return f"Rolls {len(rolls)}, cost {say('roll_cost', figures)}" if rolls else ""


def settled(figures: dict[str, Any]) -> str:
    """Return how many positions were held into expiry, and how many had no settlement price."""
    found = figures.get("settlements") or []
    bars = sum(one["basis"] == "bar" for one in found)
    missing = f", {bars} of them inside the last bar for want of a settlement price" if bars else ""
    return f"Settled at expiry {len(found)}{missing}" if found else ""


def refused(figures: dict[str, Any]) -> str:
    """Return that every order was refused, and by whom; empty where one was taken."""
    by = figures.get("refused_by")
    if not by:
        return ""
    whom = ", ".join(f"{name} ({count(number)})" for name, number in by.items())
    return f"Every order was refused, {count(figures['orders'])} in all: {whom}."


def failed(figures: dict[str, Any]) -> list[str]:
    """Return one line a failure of a plugin: who, how often, in which hook, where, and what."""
    return [one["text"] for one in figures.get("failures") or ()]


def held(figures: dict[str, Any]) -> str:
    """Return what was open at the end and what it had won or lost; empty where nothing was."""
    count_ = figures.get("open_contracts") or 0
    if not count_ or figures.get("final_equity") is None:
        return ""
    worth = money(figures["final_equity"] - figures["final_balance"])
    plural = "contract" if count_ == 1 else "contracts"
    return (
        f"Still open: {count(count_)} {plural}, {worth} {figures['currency']} not in Net P&L"
        " but in Return"
    )
