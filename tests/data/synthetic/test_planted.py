"""An edge planted in generated data: known from the past alone, and off by default."""

import numpy as np
import pytest

from qe_plugins.data.synthetic.price_path import DECIDES, REMEMBERS, PathCache

SESSIONS = 40


def closes(planted: float) -> np.ndarray:
    return np.log(PathCache(3, 0.16, planted).between(0, SESSIONS - 1).close)


def correlation(planted: float) -> float:
    """Return the correlation of the t of 240 minutes with the hour that follows, in a session."""
    returns = np.diff(closes(planted), axis=1)
    pairs = []
    for at in range(REMEMBERS + DECIDES, returns.shape[1] - 60, DECIDES):
        past, ahead = returns[:, at - REMEMBERS : at], returns[:, at : at + 60]
        t = past.mean(axis=1) / past.std(axis=1) * np.sqrt(REMEMBERS)
        pairs.append((t, ahead.sum(axis=1) / past.std(axis=1)))
    t, ahead = np.concatenate(pairs, axis=1)
    return float(np.corrcoef(t, np.clip(ahead, -40, 40))[0, 1])


def test_a_planted_drift_is_found_in_the_hour_after_and_none_is_without_it():
    assert correlation(0.02) == pytest.approx(0.14, abs=0.07)
    assert correlation(-0.02) < -0.02
    assert correlation(0.0) == pytest.approx(0.0, abs=0.07)


def test_the_first_minutes_have_no_past_to_follow():
    assert np.array_equal(closes(0.02)[0, :REMEMBERS], closes(0.0)[0, :REMEMBERS])
    assert not np.array_equal(closes(0.02)[0], closes(0.0)[0])
