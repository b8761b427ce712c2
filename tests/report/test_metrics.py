"""Our figures are empyrical's, and say nothing where there is nothing to say."""

from __future__ import annotations

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.report.figures import metrics

REFERENCE = np.random.default_rng(42).normal(0.0006, 0.011, 252)
SAME = {
    metrics.total_return: empyrical.cum_returns_final,
    metrics.cagr: empyrical.annual_return,
    metrics.volatility: empyrical.annual_volatility,
    metrics.sharpe: empyrical.sharpe_ratio,
    metrics.sortino: empyrical.sortino_ratio,
    metrics.max_drawdown: empyrical.max_drawdown,
    metrics.calmar: empyrical.calmar_ratio,
    metrics.value_at_risk: empyrical.value_at_risk,
    metrics.expected_shortfall: empyrical.conditional_value_at_risk,
}

series = st.lists(
    st.floats(-0.2, 0.2).map(lambda value: round(value, 6)), min_size=2, max_size=400
).map(np.array)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (metrics.sharpe, 0.104551),
        (metrics.sortino, 0.156865),
        (metrics.volatility, 0.163728),
        (metrics.max_drawdown, -0.120424),
    ],
)
def test_the_reference_series_gives_the_published_figures(metric, value):
    assert metric(REFERENCE) == pytest.approx(value, abs=5e-7)


@pytest.mark.parametrize("metric", SAME, ids=lambda metric: metric.__name__)
@given(returns=series)
def test_every_figure_is_empyricals(metric, returns):
    ours, theirs = metric(returns), float(SAME[metric](returns))
    if ours is None:
        assert not np.isfinite(theirs)
    else:
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9)


@given(returns=series)
def test_the_longest_drawdown_is_the_longest_run_below_the_high(returns):
    longest = run = 0
    for depth in metrics.drawdowns(returns):
        run = run + 1 if depth < 0 else 0
        longest = max(longest, run)
    assert metrics.longest_drawdown(metrics.drawdowns(returns)) == longest


def test_one_session_has_no_ratio():
    one = np.array([0.01])
    assert metrics.sharpe(one) is metrics.sortino(one) is metrics.volatility(one) is None
    assert metrics.total_return(one) == pytest.approx(0.01)


def test_no_session_has_no_figures():
    none = np.array([])
    assert metrics.total_return(none) is metrics.max_drawdown(none) is metrics.cagr(none) is None
    assert metrics.longest_drawdown(metrics.drawdowns(none)) == 0


def test_a_flat_account_has_no_sharpe():
    assert metrics.sharpe(np.zeros(30)) is None


def test_a_lost_account_does_not_grow_at_a_rate():
    ruined = np.array([0.1, -1.0])
    assert metrics.cagr(ruined) is metrics.calmar(ruined) is None
    assert metrics.max_drawdown(ruined) == -1.0


@pytest.mark.parametrize("moment", ["skewness", "kurtosis"])
@given(returns=st.lists(st.integers(-2_000, 2_000), min_size=5, max_size=200, unique=True))
def test_skewness_and_kurtosis_are_those_of_pandas(moment, returns):
    series = np.array(returns) / 10_000
    theirs = {"skewness": pd.Series.skew, "kurtosis": pd.Series.kurt}[moment](pd.Series(series))
    assert getattr(metrics, moment)(series) == pytest.approx(theirs, rel=1e-6, abs=1e-9)


def test_a_constant_or_short_series_has_no_shape():
    assert metrics.skewness(np.zeros(30)) is metrics.kurtosis(np.zeros(30)) is None
    assert metrics.skewness(np.array([0.1, 0.2])) is None
    assert metrics.kurtosis(np.array([0.1, 0.2, 0.3])) is None


@given(data=st.data(), count=st.integers(3, 200))
def test_alpha_and_beta_are_empyricals(data, count):
    small = st.lists(st.integers(-500, 500), min_size=count, max_size=count, unique=True)
    returns, benchmark = (np.array(data.draw(small)) / 10_000 for _ in range(2))
    alpha, beta = empyrical.alpha_beta(returns, benchmark)
    assert metrics.beta(returns, benchmark) == pytest.approx(beta, rel=1e-6, abs=1e-9)
    assert metrics.alpha(returns, benchmark) == pytest.approx(alpha, rel=1e-6, abs=1e-9)


def test_a_constant_benchmark_explains_nothing():
    returns = np.array([0.01, -0.02, 0.03])
    assert metrics.beta(returns, np.zeros(3)) is metrics.alpha(returns, np.zeros(3)) is None
