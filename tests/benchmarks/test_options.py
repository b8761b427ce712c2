"""What options cost: an implied volatility beside vollib's, a margin scan, a quote in a run."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from qe_plugins.config.loader import load
from qe_plugins.data.options.frames import BARS, FUTURES, ChainData
from qe_plugins.engine.running.backtest import run
from qe_plugins.options.chain import chain_of
from qe_plugins.options.kernel.black76 import implied, prices
from qe_plugins.options.kernel.svi import fit_slice
from qe_plugins.options.margin import margin_scan
from qe_plugins.options.positions import Leg
from qe_plugins.options.surface import Surface, fit_surface
from tests.benchmarks.machine import best_time
from tests.command import ROOT
from tests.options.made_chain import made_options, made_quotes

pytestmark = pytest.mark.benchmark

FILE = ROOT / "configs/backtest/option_legs.yaml"
ALONE = f"""\
extends: {ROOT / "configs/base/cme.yaml"}
name: alone
data: {{synthetic: {{root: ES, sessions: 10, contracts: 1, seed: 7}}}}
strategies: {{hold: {{instrument_id: ESH24.XCME}}}}
rung: {{name: 1 ES, risk: 500 USD}}
"""


def test_an_implied_volatility_costs_a_twentieth_of_vollibs() -> None:
    theirs = pytest.importorskip("vollib.black.implied_volatility").implied_volatility
    count, few = 200_000, 200
    random = np.random.default_rng(7)
    f, t, discount = np.full(count, 5_000.0), np.full(count, 0.1), np.full(count, 0.995)
    k, vol = random.uniform(4_500, 5_500, count), random.uniform(0.1, 0.4, count)
    sign = np.where(k >= f, 1.0, -1.0)
    value, found = np.empty(count), np.empty(count)
    prices(f, k, t, discount, vol, sign, value)
    implied(value, f, k, t, discount, sign, found)

    ours = best_time(lambda: implied(value, f, k, t, discount, sign, found)) / count
    rate, rows = -np.log(0.995) / 0.1, range(few)
    other = best_time(lambda: [theirs(value[n], f[n], k[n], rate, t[n], "c" if sign[n] > 0 else "p")
                          for n in rows]) / few  # fmt: skip

    print(f"\n{1e-3 / ours:,.0f}k volatilities a second, vollib {1e-3 / other:,.1f}k")
    assert ours <= other / 20


def test_half_a_million_volatilities_and_four_hundred_slices_a_second() -> None:
    x = np.linspace(-0.2, 0.1, 50)
    total, fitted = 0.003 + 0.1 * x * x, np.empty(5)
    fit_slice(x, total, 1 / total, 0.005, fitted)
    count = 100_000
    vol, root = np.full(count, 0.2), np.full(count, 0.1)
    f, k = np.full(count, 5_000.0), np.linspace(4_500, 5_500, count)
    sign, value, found = np.where(k >= f, 1.0, -1.0), np.empty(count), np.empty(count)
    prices(f, k, root, np.ones(count), vol, sign, value)
    implied(value, f, k, root, np.ones(count), sign, found)

    volatilities = count / best_time(
        lambda: implied(value, f, k, root, np.ones(count), sign, found)
    )
    slices = 100 / best_time(
        lambda: [fit_slice(x, total, 1 / total, 0.005, fitted) for _ in range(100)]
    )

    print(f"\n{volatilities:,.0f} volatilities and {slices:,.0f} slices of 50 quotes a second")
    assert volatilities >= 500_000
    assert slices >= 400


def test_a_chain_of_four_hundred_series_to_surface_and_greeks_costs_less_than_10_ms() -> None:
    at = datetime(2026, 1, 5, 15)
    options, quotes = {}, []
    for number in range(1, 5):
        each = made_options(f"EW{number}G26", date(2026, 2, 6) + (number - 1) * timedelta(7))
        nearest = dict(list(each.items())[:100])
        options |= nearest
        quotes.append(made_quotes([(at, 7_000.0, 0.18)], nearest))
    ts = quotes[0]["ts"][0]
    data = ChainData(
        root="ES",
        contracts=options,
        known={},
        quotes=pl.concat(quotes),
        futures=pl.DataFrame([(ts, one.underlying, 7_000.0) for one in options.values()],
                             schema=FUTURES, orient="row"),
        bars=pl.DataFrame(schema=BARS),
        refused={},
    )  # fmt: skip

    def chain_and_surface() -> Surface:
        return fit_surface(chain_of(data, ts).options, ts)

    found = chain_and_surface()
    seconds = best_time(lambda: [chain_and_surface() for _ in range(10)]) / 10

    print(f"\n{seconds * 1e3:.1f} ms a chain of {len(options)} series")
    assert len(options) == 400
    assert found.complete
    assert len(found.slices) == 4
    assert seconds < 0.010


def test_a_scan_of_twenty_legs_costs_at_most_four_times_its_revaluations() -> None:
    strikes = np.linspace(4_600, 5_400, 20)
    legs = [
        Leg(sign=1, strike=k, years=0.1, volatility=0.2, contracts=-1, multiplier=50)
        for k in strikes
    ]
    count = 20 * 16 * 2
    columns = (np.full(count, 5_000.0), np.resize(strikes, count), np.full(count, 0.1),
               np.full(count, 0.995), np.full(count, 0.2), np.ones(count))  # fmt: skip
    out = np.empty(count)
    margin_scan(legs, 5_000.0, 0.05, 15_000.0, 50.0)
    prices(*columns, out)

    many = range(200)
    scan = best_time(lambda: [margin_scan(legs, 5_000.0, 0.05, 15_000.0, 50.0) for _ in many]) / 200
    values = best_time(lambda: [prices(*columns, out) for _ in many]) / 200

    print(f"\n{scan * 1e3:.3f} ms a scan, its {count} values alone {values * 1e3:.3f} ms")
    assert scan <= 1e-3 or scan <= 4 * values


def test_a_quote_of_an_option_costs_at_most_eight_bars_of_its_future(tmp_path: Path) -> None:
    # with a position, whose margin is scanned at every bar
    def seconds(file: Path) -> tuple[float, int]:
        outcome = run(load(file))
        return outcome.seconds["run"], int(outcome.facts[0].body["records"])

    alone = tmp_path / "alone.yaml"
    alone.write_text(ALONE)
    futures, bars = min(seconds(alone) for _ in range(2))
    options, records = min(seconds(FILE) for _ in range(2))
    a_quote, a_bar = (options - futures) / (records - bars), futures / bars

    print(f"\n{a_quote * 1e6:.1f} us a quote, {a_bar * 1e6:.1f} us a bar: {a_quote / a_bar:.2f}")
    assert a_quote <= 8 * a_bar


def test_a_chain_day_with_a_position_costs_at_most_twice_its_records_as_bars(
    tmp_path: Path,
) -> None:
    day = (
        "data.synthetic.sessions=2",
        "data.options.expires_within=20d",
        "data.options.generated.listed_before=14d",
        "data.options.generated.every=1m",
    )

    def a_record(*overrides: str, file: Path = FILE) -> tuple[float, int]:
        outcome = run(load(file, overrides))
        records = int(outcome.facts[0].body["records"])
        return outcome.seconds["run"] / records, records

    alone = tmp_path / "alone.yaml"
    alone.write_text(ALONE)
    a_bar, _ = min(a_record(file=alone) for _ in range(2))
    a_quote, records = min(a_record(*day) for _ in range(2))

    print(f"\n{records:,} records, {a_quote * 1e6:.1f} us each, {a_bar * 1e6:.1f} us a bar alone")
    assert records >= 100_000
    assert a_quote <= 2 * a_bar
