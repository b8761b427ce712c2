"""Crashes of generated data have the depth of those they are named after, on the tick, by seed."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic import stress
from qe_plugins.data.tape import Tape
from qe_plugins.errors import DataError
from qe_plugins.market.sessions import next_session
from tests.command import figures
from tests.data.dbn_tape import opened

ROOM = {"1987-10-19": 14, "2010-05-06": 6, "2020-03": 50}
"""Sessions of a tape of each shape of an index."""
OIL = {"root": "CL", "start": "2020-04-06", "sessions": 16, "contracts": 3, "open_price": 18.27}


def crash(name: str) -> pl.DataFrame:
    """Return the bars of a tape with the shape of an index."""
    return frame(opened(synthetic=SyntheticSettings(stress=name, sessions=ROOM[name])), "MESH24")


def frame(tape: Tape, contract: str) -> pl.DataFrame:
    rows = [
        (bar.ts_event, float(bar.high), float(bar.low), float(bar.close))
        for chunk in tape.chunks()
        for bar in chunk.records
        if str(bar.bar_type).startswith(contract)
    ]
    return pl.DataFrame(rows, schema=["ts", "high", "low", "close"], orient="row")


def settlements(bars: pl.DataFrame) -> np.ndarray:
    """Return the last close of each session."""
    root = "MES"
    days = [next_session(root, int(ts) - 1).date for ts in bars["ts"]]
    daily = bars.with_columns(day=pl.Series(days)).group_by("day", maintain_order=True)
    return daily.agg(pl.col("close").last())["close"].to_numpy()


@pytest.mark.parametrize(
    ("name", "worst", "depth"),
    [("1987-10-19", -0.20, -0.285), ("2010-05-06", -0.032, None), ("2020-03", -0.12, -0.34)],
)
def test_an_index_falls_as_far_as_it_did(name, worst, depth):
    closes = settlements(crash(name))
    returns = np.diff(closes) / closes[:-1]
    assert returns.min() == pytest.approx(worst, abs=0.012)
    if depth is not None:
        assert (closes / np.maximum.accumulate(closes) - 1).min() < depth + 0.03


def test_the_flash_crash_falls_nine_percent_and_comes_back_within_the_hour():
    bars = crash("2010-05-06")
    fall = bars["low"].to_numpy() / bars["close"].shift(60).to_numpy() - 1
    lowest = int(np.nanargmin(fall))
    assert fall[lowest] < -0.05
    assert bars["close"][lowest + 25] / bars["low"][lowest] - 1 > 0.04


def test_a_fall_halts_an_index_at_seven_and_thirteen_percent_and_ends_it_at_twenty():
    calm, crash = np.ones(1_380), np.ones(1_380)
    crash[1_000:1_100] = np.linspace(0.99, 0.79, 100)
    crash[1_100:] = 0.79
    halted = stress.halts(np.stack([calm, crash]))[1]
    first, second, ended = (int(np.argmax(crash <= level)) for level in (0.93, 0.87, 0.80))
    minutes = np.flatnonzero(halted)
    assert minutes.tolist() == [
        *range(first + 1, first + 16),
        *range(second + 1, second + 16),
        *range(ended + 1, 1_380),
    ]


def test_oil_that_expires_trades_below_minus_30_and_the_next_month_does_not():
    tape = opened(synthetic=SyntheticSettings(stress="2020-04-20", **OIL))
    front, later = frame(tape, "CLK20"), frame(tape, "CLM20")
    assert -45 < front["low"].min() < -30
    assert front["close"][-1] > 5
    assert later["low"].min() > 10


def test_the_same_seed_gives_the_same_crash_and_every_price_is_on_the_tick():
    settings = SyntheticSettings(stress="2020-04-20", **OIL)
    one, other = (frame(opened(synthetic=settings), "CLK20") for _ in range(2))
    assert one.equals(other)
    cents = one.select("high", "low", "close").to_numpy() * 100
    assert np.abs(cents - np.rint(cents)).max() < 1e-6


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            SyntheticSettings(root="CL", contracts=4, stress="2020-03"),
            "Set 'root' to ES, MES or NQ",
        ),
        (SyntheticSettings(stress="2020-04-20"), "Set 'root' to CL"),
        (SyntheticSettings(stress="2020-03", sessions=30), "Set 'sessions' to 48 or more"),
    ],
)
def test_a_stress_that_does_not_fit_is_refused(settings, says):
    with pytest.raises(DataError, match=says):
        opened(synthetic=settings)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        pytest.param("stress.yaml", ("data.synthetic.sessions=12",), marks=pytest.mark.long),
        pytest.param(
            "stress.yaml",
            ("data.synthetic.sessions=12", "data.synthetic.stress=2010-05-06"),
            marks=pytest.mark.long,
        ),
        ("stress_oil.yaml", ("data.synthetic.start=2020-04-06", "data.synthetic.sessions=16")),
    ],
)
def test_a_run_ends_whatever_the_market_does(file, changes):
    settings = [part for change in changes for part in ("--set", change)]
    found = figures(f"configs/backtest/{file}", *settings)
    assert found["reconciles"]
    assert found["trades"] > 0
