"""What features cost: a value beside TA-Lib's, years of minutes, a bar live, a hosted bar."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest

from qe_plugins.features.catalogue import FAMILIES, WINDOWS
from qe_plugins.features.series import Program, Series, compute, computed
from tests.benchmarks.machine import best_time
from tests.benchmarks.test_hosting import DENSE, FIVE, TRADER, share
from tests.features.tapes import walk as walk_of

pytestmark = pytest.mark.benchmark

ALL = [f"{one.name}.{w}" for one in FAMILIES for w in WINDOWS]
TEN = ["velocity.30", "temperature.60", "displacement.30", "hurst.120", "echo.30",
       "efficiency.20", "kyle_lambda.60", "place.60", "permutation_entropy.60",
       "vwap_displacement.120"]  # fmt: skip
ROUNDS = 5
YEARS = Path(__file__).with_name("feature_years.py")
TALIB = ("SMA", "EMA", "WMA", "STDDEV", "VAR", "LINEARREG", "LINEARREG_SLOPE", "TSF", "MOM", "ROC",
         "RSI", "CMO", "MAX", "MIN", "MIDPOINT", "ATR", "NATR", "ADX", "CCI", "WILLR")  # fmt: skip


def test_a_value_costs_about_what_it_costs_in_talib() -> None:
    abstract = pytest.importorskip("talib.abstract")
    bars = walk_of(60_000)
    columns = {n: bars.columns[n] for n in ("open", "high", "low", "close", "volume")}
    functions = [abstract.Function(name, timeperiod=w) for name in TALIB for w in WINDOWS]
    compute(bars[:2_000], ALL)

    ours = best_time(lambda: deque(computed(bars, ALL), maxlen=0)) / len(bars) / len(ALL)
    theirs = (
        best_time(lambda: deque((one(columns) for one in functions), maxlen=0))
        / len(bars)
        / len(functions)
    )

    print(f"\n{ours * 1e9:.1f} ns a value, TA-Lib {theirs * 1e9:.1f}: {ours / theirs:.2f}")
    assert ours <= 1.25 * theirs


def test_ten_years_of_minutes_are_computed_in_half_a_minute() -> None:
    one, two = (_years(threads) for threads in (1, 2))
    print(
        f"\n{one['values'] / 1e9:.2f} G values: {one['seconds']:.1f} s in one thread, "
        f"{two['seconds']:.1f} s in two ({one['seconds'] / two['seconds']:.2f} times), "
        f"{one['megabytes']:.0f} MB, writing {one['writing']:.2f} of computing"
    )
    assert min(one["seconds"], two["seconds"]) <= 40
    assert one["megabytes"] < 1_200
    assert one["writing"] <= 1.0


def _years(threads: int) -> dict[str, Any]:
    run = [sys.executable, str(YEARS), str(threads)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_bar_is_computed_in_microseconds() -> None:
    program, series, out = Program(ALL), Series("live"), np.empty((1, len(ALL)))
    bars = walk_of(22_000)
    singles = [bars[n : n + 1] for n in range(len(bars))]
    for one in singles[:2_000]:
        series.values(program, *series.append(one), out=out)

    began = process_time()
    for one in singles[2_000:]:
        series.values(program, *series.append(one), out=out)
    each = (process_time() - began) / (len(bars) - 2_000)

    print(f"\n{each * 1e6:.1f} us a bar with all {len(ALL)} features")
    assert each <= 20e-6


def test_ten_features_cost_a_microsecond_a_bar() -> None:
    bars = walk_of(200_000)
    compute(bars[:2_000], TEN)
    each = best_time(lambda: compute(bars, TEN)) / len(bars)

    print(f"\n{each * 1e6:.2f} us a bar with ten features")
    assert each <= 1e-6


@pytest.mark.parametrize(("lengths", "least"), [(TRADER, 0.92)])
def test_a_hosted_run_with_ten_features_keeps_its_speed(
    walk: Callable[[int], Path],
    configured: Callable[..., Path],
    measured: Callable[..., dict[str, Any]],
    lengths: tuple[int, int],
    least: float,
) -> None:
    from tests.benchmarks.test_hosting import BARS, HOSTED

    limits = {"guardian_limits": FIVE["guardian_limits"]}
    named = {"guardian_limits": {**limits["guardian_limits"],
                                 "features": [f"1m.{one}" for one in TEN]}}  # fmt: skip
    files = [configured(walk(BARS), lengths, plugins=plugins) for plugins in (limits, named)]
    seconds: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for file, found in zip(files, seconds, strict=True):
            found.append(measured(HOSTED, file)["seconds"])
    without, with_ten = (min(found) for found in seconds)
    print(f"\nhosted {without:.2f} s, with ten features {with_ten:.2f} s: {without / with_ten:.2f}")
    assert without / with_ten >= least


@pytest.mark.parametrize(("lengths", "least"), [(TRADER, 0.70), (DENSE, 0.50)])
def test_five_plugins_with_a_trigger_keep_most_of_plain_nautilus(
    walk: Callable[[int], Path],
    configured: Callable[..., Path],
    measured: Callable[..., dict[str, Any]],
    lengths: tuple[int, int],
    least: float,
) -> None:
    from tests.benchmarks.test_hosting import BARS

    trigger = {"trigger": "abs(1m.drift.30) > 4"}
    plugins = {"hunter_physics": trigger, **{n: s for n, s in FIVE.items() if "hunter" not in n}}
    file = configured(walk(BARS), lengths, fills={"rules": "nautilus"}, plugins=plugins)
    ratio, _ = share(measured, walk(BARS), file, lengths)
    print(f"{ratio:.2f} of plain Nautilus, at least {least} is wanted")
    assert ratio >= least
