"""Format figures for people: labels, units, signs, thousands; a dash for an undefined figure."""

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
    ("bars_per_second", "Bars per second"),
)
"""All but the last are the tiles of the page."""

COST_FIGURES = (
    ("gross_pnl", "P&L at reference prices"),
    ("cost_share", "Costs / reference P&L"),
    ("slippage", "Slippage"),
    ("margin_peak_share", "Peak margin-to-equity"),
)
OTHER_FIGURES = (
    ("final_equity", "Account equity"),
    ("open_premium", "Premium of open options"),
    ("roll_cost", "Cost of rolls"),
    ("margin_peak", "Peak initial margin"),
)
"""Labels of figures that only some tables show."""

RISK_FIGURES = (
    ("cagr", "CAGR"),
    ("calmar", "Calmar (MAR)"),
    ("sqn", "SQN"),
    ("skewness", "Skewness"),
    ("kurtosis", "Excess kurtosis"),
    ("value_at_risk", "VaR of a session, 95%"),
    ("expected_shortfall", "Expected shortfall, 95%"),
    ("longest_drawdown_sessions", "Longest drawdown (sessions)"),
    ("benchmark_return", "Benchmark return"),
    ("alpha", "Alpha a year"),
    ("beta", "Beta"),
)
"""The page's table of distribution and benchmark."""

OPTION_PARTS = {
    "delta": "Delta",
    "gamma_theta": "Gamma and theta",
    "vega": "Vega",
    "spread": "Spread paid",
    "fees": "Commissions",
    "exercised": "Passed to futures at expiry",
    "rest": "Rest",
}
"""The parts of the options' net P&L, in the order in which they are shown."""

LABELS = dict(KEY_FIGURES + COST_FIGURES + OTHER_FIGURES + RISK_FIGURES)


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


KEYS_BY_FORMATTER: dict[Callable[[float], str], str] = {
    money: "net_pnl open_premium final_balance starting_balance final_equity fees expectancy"
    " average_win average_loss largest_win largest_loss slippage gross_pnl cost roll_cost roll_fees"
    " roll_slippage margin_peak margin_average",
    percent: "total_return cagr volatility max_drawdown max_drawdown_hourly win_rate exposure"
    " cost_share margin_peak_share margin_average_share value_at_risk expected_shortfall"
    " benchmark_return alpha",
    number: "sharpe sortino calmar profit_factor slippage_ticks average_minutes years sqn skewness"
    " kurtosis beta",
    count: "trades slippage_trades fills orders denied vetoes signals bars bars_per_second"
    " sessions trades_over_gaps open_trades open_contracts longest_losing_streak"
    " longest_drawdown_sessions",
}
FORMATTERS = {
    key: formatter for formatter, keys in KEYS_BY_FORMATTER.items() for key in keys.split()
}


def with_unit(key: str, figures: dict[str, Any]) -> str:
    """Return the formatted figure `key`, money with its currency.

    A dash where it is None, or missing because the run is older than the figure.
    """
    text = format_value(key, figures.get(key))
    has_currency = figures.get(key) is not None and FORMATTERS[key] is money
    return f"{text} {figures['currency']}" if has_currency else text


def format_value(key: str, value: float | None) -> str:
    """Return the formatted value of figure `key`; a dash where it is None."""
    return UNKNOWN if value is None else FORMATTERS[key](value)


def label(key: str) -> str:
    """Return the label of figure `key`."""
    return LABELS.get(key) or key.replace("_", " ").capitalize()


def caption(figures: dict[str, Any]) -> str:
    """Return the data source, the period, and how the ratios are computed."""
    period = f"{figures['start'][:10]} to {figures['end'][:10]}"
    session = "Paper session: " if figures.get("mode") == "paper" else ""
    return (
        f"{session}{figures['data_label']}, {figures['bars']:,} bars, {period} (UTC)\n"
        f"Ratios: {figures['returns']}."
    )


def coverage_note(figures: dict[str, Any]) -> str:
    """Return the sessions and minutes of the calendar without data; empty if unknown."""
    return "\n".join(data_coverage.in_words(figures))


def rolls_note(figures: dict[str, Any]) -> str:
    """Return the number of rolls and their cost; empty if there were none."""
    rolls = figures.get("rolls")
    return f"Rolls {len(rolls)}, cost {with_unit('roll_cost', figures)}" if rolls else ""


def settlements_note(figures: dict[str, Any]) -> str:
    """Return how many positions were held into expiry, and how many had no settlement price."""
    found = figures.get("settlements") or []
    bars = sum(one["basis"] == "bar" for one in found)
    missing = (
        f", {bars} of them at the last bar's close, without a settlement price" if bars else ""
    )
    return f"Settled at expiry {len(found)}{missing}" if found else ""


def options_note(figures: dict[str, Any]) -> str:
    """Return the parts of the options' P&L and the size that was quoted; empty without options."""
    found = figures.get("option_pnl")
    if not found:
        return ""
    parts = ", ".join(f"{name.lower()} {money(found[key])}" for key, name in OPTION_PARTS.items())
    return (
        f"Options {money(found['net_pnl'])} {figures['currency']}: {parts}\n"
        f"{quoted_note(found['quoted'])}"
    )


def quoted_note(quoted: dict[str, Any]) -> str:
    """Return how many times the contracts that traded were quoted at the touch, as a sentence."""
    if not quoted["fills"]:
        return "No option was traded at a quote."
    return (
        f"Quoted at the touch when options traded: {quoted['median']:,.1f} times the traded "
        f"contracts at the median, {quoted['least']:,.1f} times at the least."
    )


def denials_note(figures: dict[str, Any]) -> str:
    """Return a warning with the reasons if every order was denied; else an empty text."""
    by = figures.get("refused_by")
    if not by:
        return ""
    reasons = ", ".join(f"{name} ({count(number)})" for name, number in by.items())
    return f"Every order was denied, {count(figures['orders'])} in all: {reasons}."


def failure_lines(figures: dict[str, Any]) -> list[str]:
    """Return a line for each failure: plugin, count, hook, place in its source, and error."""
    return [one["text"] for one in figures.get("failures") or ()]


def open_positions_note(figures: dict[str, Any]) -> str:
    """Return the contracts open at the end with their open P&L; empty if there were none."""
    contracts = figures.get("open_contracts") or 0
    if not contracts or figures.get("final_equity") is None:
        return ""
    plural = "contract" if contracts == 1 else "contracts"
    return (
        f"Still open: {count(contracts)} {plural}, open P&L {money(open_pnl(figures))} "
        f"{figures['currency']} (in Return, not in Net P&L){premium_note(figures)}"
    )


def open_pnl(figures: dict[str, Any]) -> float:
    """Return the P&L of open positions at the last marks, options at the middle price."""
    found: float = figures["final_equity"] - figures["starting_balance"] - figures["net_pnl"]
    return found


def premium_note(figures: dict[str, Any]) -> str:
    """Return what open options cost or brought in, a part of a sentence; empty without any."""
    premium = figures.get("open_premium") or 0.0
    done = "received" if premium < 0 else "paid"
    amount = f"{money(abs(premium))} {figures['currency']}"
    return f"; {amount} {done} for open options is in the balance alone" if premium else ""
