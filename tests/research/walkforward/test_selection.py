"""Walk-forward on made P&L: windows, choices, verdicts with and without an edge."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.errors import ConfigError, DataError
from qe_plugins.research.walkforward.selection import sentence, walk
from qe_plugins.research.walkforward.windows import months, windows

DAYS = np.arange("2014-01-01", "2024-01-01", dtype="datetime64[D]")
SESSIONS = DAYS[DAYS.astype(int) % 7 < 5]
TEN_YEARS = windows(SESSIONS, 24, 3)


def made(seed: int, edge: float = 0.0, variants: int = 16) -> np.ndarray:
    """Return P&L by session and variant; one variant has an edge in deviations a session."""
    random = np.random.default_rng(seed)
    common = random.normal(size=(len(SESSIONS), 1))
    pnl = 60 * (0.6 * common + 0.8 * random.normal(size=(len(SESSIONS), variants)))
    pnl[:, 5] += 60 * edge
    return pnl


def test_verdicts_are_right_in_eighteen_of_twenty_histories_with_and_without_an_edge():
    without = [walk(made(seed), SESSIONS, TEN_YEARS, "sharpe") for seed in range(20)]
    planted = [walk(made(seed, edge=0.1), SESSIONS, TEN_YEARS, "sharpe") for seed in range(20)]
    print("without", sum(one.positive for one in without), "with", sum(o.positive for o in planted))
    assert sum(not one.positive for one in without) >= 18
    assert sum(one.positive for one in planted) >= 18
    assert planted[0].visible < 0.1 * 60
    assert "could have seen" in sentence(next(o for o in without if not o.positive), "USD")


@pytest.mark.long
def test_an_edge_is_found_as_often_as_the_documents_say():
    found = {
        edge: np.mean(
            [
                walk(made(s, edge), SESSIONS, TEN_YEARS, "sharpe").positive
                for s in range(1_000, 1_200)
            ]
        )
        for edge in (0.0, 0.05, 0.075, 0.1, 0.125)
    }
    print(found)
    assert found[0.0] <= 0.05
    assert found[0.05] == pytest.approx(0.18, abs=0.03)
    assert found[0.075] == pytest.approx(0.60, abs=0.03)
    assert found[0.1] == pytest.approx(0.90, abs=0.03)
    assert found[0.125] >= 0.97


def test_the_best_variant_of_noise_is_overfitted_and_that_with_an_edge_is_not():
    noise, edge = (walk(made(1, size), SESSIONS, TEN_YEARS, "sharpe") for size in (0.0, 0.15))
    assert noise.overfitting > 0.25
    assert edge.overfitting < 0.02
    assert edge.deflated.probability > 0.99
    assert noise.deflated.probability < 0.95


def test_a_choice_depends_on_no_session_after_its_training():
    pnl = made(2)
    before = walk(pnl, SESSIONS, TEN_YEARS, "net_pnl").windows
    changed = pnl.copy()
    changed[TEN_YEARS[3].test :] *= -3
    after = walk(changed, SESSIONS, TEN_YEARS, "net_pnl").windows
    assert [one.variant for one in before[:4]] == [one.variant for one in after[:4]]


@given(st.integers(1, 36), st.integers(1, 12), st.integers(60, 2_400))
@settings(max_examples=60)
def test_windows_judge_each_session_at_most_once_and_after_its_training(train, test, count):
    sessions = SESSIONS[:count]
    span = int((sessions[-1].astype("M8[M]") - sessions[0].astype("M8[M]")).astype(int)) + 1
    if span < train + test:
        with pytest.raises(DataError, match="a window needs"):
            windows(sessions, train, test)
        return
    found = windows(sessions, train, test)
    assert all(one.train < one.test < one.end for one in found)
    assert all(a.end == b.test for a, b in pairwise(found))


@pytest.mark.parametrize(("text", "count"), [("24M", 24), ("2Y", 24), ("3m", 3)])
def test_spans_are_months(text, count):
    assert months(text) == count


@pytest.mark.parametrize("text", ["", "0M", "3W", "M", "-3M"])
def test_a_span_that_is_not_months_is_refused(text):
    with pytest.raises(ConfigError, match="not a span of months"):
        months(text)


def test_variants_that_never_trade_have_no_verdict():
    with pytest.raises(DataError, match="no chosen variant traded"):
        walk(np.zeros((len(SESSIONS), 3)), SESSIONS, TEN_YEARS, "sharpe")
