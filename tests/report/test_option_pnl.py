"""The P&L of options split into its parts: to the cent, and as the arithmetic of a hedge has it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run
from qe_plugins.options.hedged_straddle import (
    SESSIONS_A_YEAR,
    generated_paths,
    hedge_of,
    hedged_profits,
    straddle_delta,
    straddle_premium,
    straddle_risk,
)
from qe_plugins.options.kernel.black76 import GREEKS, greeks_of
from qe_plugins.report import run_folder
from qe_plugins.report.figures import formatting, option_pnl
from qe_plugins.report.figures.formatting import OPTION_PARTS
from qe_plugins.report.summary import summarize
from tests.engine.option_runs import CALL, trade, write_chain
from tests.options import test_hedged_straddle as straddle
from tests.report.fake import bare

CENTS = st.integers(1, 5_000).map(lambda n: n / 100)
UNKNOWN = st.one_of(st.none(), st.floats(-5, 5))


@st.composite
def rows_of_options(draw):
    """Draw marks and fills of one to three options; each may be unknown but the middle price."""
    rows = []
    for name in range(draw(st.integers(1, 3))):
        for ts in range(draw(st.integers(1, 8))):
            size = draw(st.integers(-3, 3))
            rows.append(
                {
                    "instrument_id": str(name),
                    "ts": ts * option_pnl.MINUTE,
                    "mid": draw(CENTS),
                    "price": draw(st.one_of(st.none(), CENTS)),
                    "iv": draw(st.one_of(st.none(), st.floats(0.01, 2))),
                    **{one: draw(UNKNOWN) for one in ("delta", "gamma", "vega", "theta")},
                    "multiplier": draw(st.sampled_from([5.0, 50.0])),
                    "size": float(size),
                    "paid": draw(CENTS) if size else 0.0,
                    "fee": 1.42 * abs(size),
                    "is_expiry": draw(st.booleans()),
                }
            )
    kinds = dict.fromkeys(rows[0], pl.Float64)
    kinds |= {"instrument_id": pl.String, "ts": pl.Int64, "is_expiry": pl.Boolean}
    frame = pl.DataFrame(rows, schema=kinds)
    return frame.with_columns(pl.col("multiplier").first().over("instrument_id"))


@given(rows_of_options())
@settings(max_examples=25, deadline=None)
def test_the_parts_sum_to_what_was_paid_and_what_is_left_to_the_cent(rows):
    found = option_pnl.split(rows)
    cash, left = 0.0, 0.0
    for own in rows.partition_by("instrument_id"):
        cash -= (own["size"] * own["paid"] * own["multiplier"] + own["fee"]).sum()
        left += own["size"].sum() * own["mid"][-1] * own["multiplier"][0]

    assert round(sum(round(found[name] * 100) for name in OPTION_PARTS)) == round(
        found["net_pnl"] * 100
    )
    assert found["net_pnl"] == pytest.approx(cash + left, abs=0.00501)


@given(rows_of_options())
@settings(max_examples=10, deadline=None)
def test_without_a_volatility_the_move_of_the_middle_price_is_all_rest(rows):
    names = ("price", "iv", "delta", "gamma", "vega", "theta")
    found = option_pnl.split(rows.with_columns(pl.lit(None, pl.Float64).alias(n) for n in names))
    moved = sum(
        float((own["size"].cum_sum()[:-1] * own["mid"].diff()[1:]).sum()) * own["multiplier"][0]
        for own in rows.partition_by("instrument_id")
    )

    assert found["delta"] == found["gamma_theta"] == found["vega"] == 0
    assert found["rest"] == pytest.approx(moved, abs=0.031)


PRICE, SESSIONS, PATHS = 5_000.0, 21, 200


def straddles_on(paths: np.ndarray, years: np.ndarray, volatility: float) -> pl.DataFrame:
    """Return a straddle sold at the first moment of each path, marked at one volatility."""
    frames = []
    for number, path in enumerate(paths.T):
        count = len(path)
        one = np.empty((count, len(GREEKS)))
        columns = [np.full(count, PRICE), years, np.ones(count), np.full(count, volatility)]
        greeks_of(path, *columns, np.ones(count), one)
        call = dict(zip(GREEKS, one.T, strict=True))
        mid = [
            straddle_premium(price, PRICE, left, volatility) if left else abs(price - PRICE)
            for price, left in ((path[0], years[0]), (path[-1], years[-1]))
        ]
        frames.append(
            pl.DataFrame(
                {
                    "instrument_id": [str(number)] * count,
                    "ts": np.round((years[0] - years) * 365 * option_pnl.DAY).astype(np.int64),
                    "mid": [mid[0], *[mid[0]] * (count - 2), mid[1]],
                    "price": path,
                    "iv": np.full(count, volatility),
                    "delta": 2 * call["delta"] - 1,
                    "gamma": 2 * call["gamma"],
                    "vega": 2 * call["vega"],
                    "theta": 2 * call["theta"],
                    "multiplier": np.ones(count),
                    "size": [-1.0, *[0.0] * (count - 1)],
                    "paid": [mid[0], *[0.0] * (count - 1)],
                    "fee": np.zeros(count),
                    "is_expiry": [False] * count,
                }
            ).with_columns(pl.col("delta", "gamma", "vega", "theta").fill_nan(None))
        )
    return pl.concat(frames)


@pytest.mark.parametrize("realised", [0.16, 0.25])
def test_gamma_and_theta_are_what_the_hedged_straddle_earns(realised):
    implied, seed = 0.18, 11
    paths = generated_paths(PRICE, realised, SESSIONS, PATHS, seed)
    years = np.linspace(SESSIONS / SESSIONS_A_YEAR, 0.0, len(paths))
    risk = straddle_risk(PRICE, implied, realised, SESSIONS, PATHS, seed)
    found = option_pnl.split(straddles_on(paths, years, implied))

    assert abs(found["gamma_theta"] / PATHS - risk.mean) <= risk.error
    assert abs(found["gamma_theta"] / PATHS - risk.expected) <= 3 * risk.error
    assert (found["vega"], found["explained_time"]) == (0, 1)


@pytest.mark.parametrize("seed", [3, 4])
def test_the_run_of_a_hedged_straddle_is_split_as_the_arithmetic_has_it(tmp_path, seed):
    moments, left, path = straddle.generated_tape(seed)
    volatility, units = straddle.VOLATILITY, straddle.UNITS * 50
    quotes = []
    for moment, price, years in zip(moments[:-1], path[:-1, 0], left[:-1], strict=True):
        both = straddle_premium(price, PRICE, years, volatility)
        digits = 2 if quotes else 0  # the first quote is filled on, so it is on a tick
        call = round((both + price - PRICE) / 2, digits)
        for name, mid in ((straddle.CALL, call), (straddle.PUT, round(both - call, digits))):
            ts = int(moment.timestamp()) * 10**9
            quotes.append((ts, name, mid - 0.25, mid + 0.25, 50, 50))
    straddle.store_tape(moments, path[:, 0], 0.0, quotes)
    outcome = run(load(straddle.written(tmp_path)))
    found = summarize(outcome, tmp_path)["option_pnl"]
    premium = straddle_premium(path[0].item(), PRICE, left[0], volatility)
    earned = hedged_profits(path, left, PRICE, premium, volatility).gross.item()
    unhedged = [
        hedge_of(now, PRICE, years, volatility) - straddle_delta(now, PRICE, years, volatility)
        for now, years in zip(path[:-1], left[:-1].tolist(), strict=True)
    ]
    error = np.linalg.norm(np.array(unhedged) * np.diff(path, axis=0))

    assert abs(found["gamma_theta"] / units - earned) <= 3 * error  # hedged in tenths
    assert (found["spread"], found["fees"]) == (-250, -28.4)  # 10 of each, half a spread of 0.5
    assert abs(found["vega"]) < 100  # the quotes are rounded
    assert found["quoted"] == {"fills": 2, "median": 5, "least": 5}


def test_a_sold_call_that_is_exercised_passes_its_value_to_the_future(tmp_path):
    write_chain()
    outcome = trade(tmp_path, {"option": CALL, "size": -1})
    found = summarize(outcome, tmp_path)["option_pnl"]

    assert found["net_pnl"] == outcome.positions.filter(instrument_id=f"{CALL}.XCME")["pnl"].item()
    assert (found["spread"], found["fees"]) == (-18.75, -1.42)  # sold at 9.5, quoted 9.5 to 10.25
    assert found["exercised"] == 387.5  # the call was worth 7.75 points to its owner
    assert found["quoted"] == {"fills": 1, "median": 5, "least": 5}
    assert sum(found[name] for name in OPTION_PARTS) == pytest.approx(found["net_pnl"], abs=0.001)


def test_an_option_that_is_still_open_is_at_the_middle_of_its_last_quote(tmp_path):
    write_chain(minutes=10)
    outcome = trade(tmp_path, {"option": CALL, "size": -1})
    place = run_folder.write(outcome, {}, tmp_path / "run")
    figures = run_folder.result(place)
    page = (place / "report.html").read_text()

    assert figures["option_pnl"]["net_pnl"] == -18.75 - 1.42
    assert figures["option_pnl"]["spread"] == -18.75
    assert "Net P&amp;L of options" in page
    assert "Options -20.17 USD: delta 0.00" in formatting.options_note(figures)


def test_a_run_without_options_has_no_split(tmp_path):
    figures = summarize(bare(tmp_path), tmp_path)

    assert "option_pnl" not in figures
    assert formatting.options_note(figures) == ""
