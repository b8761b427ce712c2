"""Own statistics against `purgedcv` and `arch`, which others keep."""

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import SPA, StepM
from purgedcv import deflated_sharpe_ratio, probability_of_backtest_overfitting, purge

from qe_plugins.research.factors.settings import Split
from qe_plugins.research.factors.significance import (
    _drawn_t,
    _standardized,
    step_down,
    t_values,
)
from qe_plugins.research.factors.split import divide
from qe_plugins.research.overfitting import deflated_sharpe, probability_of_overfitting


def test_the_deflated_sharpe_ratio_is_that_of_purgedcv():
    random = np.random.default_rng(1)
    for trials, variance in ((2, 0.001), (100, 0.002), (1_291, 0.01)):
        returns = random.standard_t(5, size=700) * 0.01 + 0.0008
        own = deflated_sharpe(returns, variance, trials).probability
        assert own == pytest.approx(deflated_sharpe_ratio(returns, trials, variance), abs=2e-3)


def test_the_probability_of_overfitting_is_that_of_purgedcv():
    random = np.random.default_rng(2)
    for skill in (0.0, 0.1, 0.4):
        returns = random.normal(size=(160, 12))
        returns[:, 3] += skill
        theirs = probability_of_backtest_overfitting(returns.T, 8).pbo
        # C(8, 4) = 70 splits: a rank exactly at the median is the only difference there can be
        assert probability_of_overfitting(returns, 8) == pytest.approx(theirs, abs=2 / 70)


def test_what_the_halves_leave_out_is_what_purgedcv_purges():
    sessions = np.arange("2021-01-01", "2021-07-01", dtype="datetime64[D]")
    ends = sessions + np.timedelta64(4, "D")
    halves = divide(sessions, ends, Split(embargo=0))
    odd = sessions.astype("datetime64[M]").astype(int) % 2 == 0
    begins, labels = pd.Series(sessions), pd.Series(ends) + pd.Timedelta(days=1)
    rows = np.arange(len(sessions))
    # ours drops labels that leave their month, theirs what such a label would reach into: with
    # them gone from the confirm half, nothing that is kept overlaps by their rule
    assert set(rows[halves.explore]) <= set(purge(rows[odd], rows[halves.confirm], begins, labels))
    assert not set(rows[odd & ~halves.explore]) & set(purge(rows[odd], rows[~odd], begins, labels))
    late = sessions.astype("datetime64[M]") != ends.astype("datetime64[M]")
    assert halves.purged == late.sum()


def test_the_best_of_many_has_the_p_value_of_spa_within_monte_carlo_error():
    # one half twice: "both halves" is then one test, and the best |t| that of one sample
    random = np.random.default_rng(3)
    scores = random.normal(size=(300, 20))
    scores[:, 4] += 0.12
    draws = 1_000
    own = one_sided(scores, draws)
    spa = SPA(np.zeros(300), -scores / scores.std(axis=0, ddof=1), reps=draws, block_size=1, seed=4)
    spa.compute()
    theirs = float(spa.pvalues["consistent"])
    error = 4 * np.sqrt(2 * theirs * (1 - theirs) / draws)
    print("p of the best: own", own, "arch", theirs)
    assert own == pytest.approx(theirs, abs=max(error, 0.02))


def test_the_step_down_finds_what_stepm_finds():
    random = np.random.default_rng(5)
    scores = random.normal(size=(400, 30))
    scores[:, [7, 21]] += 0.35
    null = drawn(scores, 1_000)
    adjusted = step_down([null], t_values(scores), len(null))
    step = StepM(np.zeros(400), -scores / scores.std(axis=0, ddof=1), reps=1_000, block_size=1,
                 seed=6)  # fmt: skip
    step.compute()
    ours = set(np.flatnonzero(adjusted <= 0.05).tolist())
    assert ours == {int(one) for one in step.superior_models} == {7, 21}


def drawn(scores: np.ndarray, draws: int) -> np.ndarray:
    return _drawn_t(_standardized(scores), draws, np.random.default_rng(7))


def one_sided(scores: np.ndarray, draws: int) -> float:
    """Return the chance that the best column is as good, by the bootstrap of `significance`."""
    return float((drawn(scores, draws).max(axis=1) >= t_values(scores).max()).mean())
