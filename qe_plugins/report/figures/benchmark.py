"""Buy and hold of a root, rolled by the exchange's dates: what a run is compared with."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from qe_plugins.market.roll_calendar import Rule, roll_calendar
from qe_plugins.report.figures import exchange_time, metrics
from qe_plugins.report.figures.equity import has_daily_bars

if TYPE_CHECKING:
    from datetime import date

    from qe_plugins.engine.results.result import BacktestResult, ContractInfo
    from qe_plugins.report.figures.equity import AccountHistory

SCHEMA = {"session": pl.Date, "benchmark": pl.Float64}


def held(outcome: BacktestResult) -> str | None:
    """Return the root that a run is compared with: that of the most fills, else the first."""
    roots = {one.id: one.root for one in outcome.data.contracts}
    traded = outcome.fills["instrument_id"].replace_strict(roots, default=None).drop_nulls()
    if traded.len():
        counts = traded.value_counts().sort("count", "instrument_id", descending=[True, False])
        return str(counts["instrument_id"][0])
    return next(iter(roots.values()), None)


def returns(outcome: BacktestResult) -> pl.DataFrame:
    """Return the simple return of one contract held, by session: columns session, benchmark.

    A session's return is that of the front month of its day from the last mark of the session
    before to its own last mark, without costs and unleveraged. Where the front month has no marks,
    the nearest contract that has them is held. Empty for a run without marks.
    """
    root = held(outcome)
    contracts = [one for one in outcome.data.contracts if one.root == root and not one.is_option]
    closes = _closes(outcome, contracts)
    if len(closes) < 2 or root is None:
        return pl.DataFrame(schema=SCHEMA)
    days = sorted(closes)
    calendar = roll_calendar(root, Rule.CALENDAR, days, {})
    nearest = [one.id for one in sorted(contracts, key=lambda one: one.expiry)]
    rows: list[tuple[date, float]] = []
    for before, day in pairwise(days):
        usable = [one for one in nearest if one in closes[before] and one in closes[day]]
        front = calendar.front(day)
        name = front if front in usable else next(iter(usable), None)
        if name is not None and closes[before][name] > 0:
            rows.append((day, closes[day][name] / closes[before][name] - 1.0))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def figures(outcome: BacktestResult, history: AccountHistory, a_year: float) -> dict[str, Any]:
    """Return `benchmark` (in words), its return, and the run's alpha and beta against it.

    None where there is no benchmark, and for a run whose equity was zero or below.
    """
    none = dict.fromkeys(("benchmark", "benchmark_return", "alpha", "beta"))
    found = returns(outcome)
    if found.is_empty():
        return none
    both = history.sessions.join(found, on="session").drop_nulls(["return", "benchmark"])
    own, theirs = both["return"].to_numpy(), both["benchmark"].to_numpy()
    ruined = history.ruined
    return {
        "benchmark": f"one {held(outcome)} contract bought and held, rolled by the calendar",
        "benchmark_return": metrics.total_return(found["benchmark"].to_numpy()),
        "alpha": None if ruined else metrics.alpha(own, theirs, a_year),
        "beta": None if ruined else metrics.beta(own, theirs),
    }


def curve(outcome: BacktestResult, history: AccountHistory) -> dict[str, list[Any]]:
    """Return x (Chicago, ms) and the starting equity invested in the benchmark, by session."""
    last = history.curve.group_by("session").agg(pl.col("ts").last())
    found = returns(outcome).join(last, on="session").sort("session")
    grown = history.starting * np.cumprod(1.0 + found["benchmark"].to_numpy())
    at = found.select(x=exchange_time.wall("ts").dt.epoch("ms"))["x"]
    return {"x": at.to_list(), "equity": grown.round(2).tolist()}


def _closes(outcome: BacktestResult, contracts: list[ContractInfo]) -> dict[date, dict[str, float]]:
    """Return the last mark of each contract by session."""
    names = [one.id for one in contracts]
    marks = outcome.marks.filter(pl.col("instrument_id").is_in(names)).sort("ts")
    session = exchange_time.day("ts") if has_daily_bars(outcome) else exchange_time.session("ts")
    last = marks.group_by(session.alias("session"), "instrument_id", maintain_order=True).agg(
        pl.col("close").last()
    )
    found: dict[date, dict[str, float]] = {}
    for day, name, close in last.iter_rows():
        found.setdefault(day, {})[name] = close
    return found
