"""Evidence: it never grows without an edge, however it is read, and it is computed right."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.ladder.claims import Claim
from qe_plugins.ladder.decay import Decay, bracket_outcomes, drawdown_limit
from qe_plugins.ladder.evidence import (
    HIGH,
    LOW,
    EdgeEvidence,
    edge_sequence,
    evidence_needed,
    evidence_of,
)
from qe_plugins.ladder.simulate import CapitalPaths, Policy
from tests.ladder.reference import e_values

CLAIM = Claim(edge=0.15)
PATHS = 2_000


def test_it_agrees_with_an_implementation_of_its_own() -> None:
    outcomes = bracket_outcomes(np.random.default_rng(1), 0.1, (400,)).tolist()
    evidence = EdgeEvidence(CLAIM)
    found = []
    for outcome in outcomes:
        evidence.add(outcome)
        found.append(evidence.value)
    assert found == pytest.approx(e_values(outcomes, 0.15, 1.43), rel=1e-9)


def test_many_paths_at_once_are_the_same_as_one_after_the_other() -> None:
    outcomes = bracket_outcomes(np.random.default_rng(2), 0.1, (20, 300))
    policy = Policy(risks=(), evidence=(), trades=(), claim=0.15)
    capital = CapitalPaths(20, policy)
    for at in range(300):
        together = capital.add(outcomes[:, at])
    alone = [evidence_of(CLAIM, one.tolist()).log_value for one in outcomes]
    assert together == pytest.approx(alone, abs=1e-9)


RAREST = 0.02
"""The least share of a loss that is mixed in: paths that miss a rarer one all would say nothing."""


@st.composite
def losing_distributions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes within the bounds and their probabilities, with a mean of at most zero."""
    values = np.array(draw(st.lists(st.floats(LOW, HIGH), min_size=2, max_size=6)))
    weights = np.array(draw(st.lists(st.floats(0.05, 1), min_size=6, max_size=6)))[: len(values)]
    weights /= weights.sum()
    mean = float(values @ weights)
    if mean > 0:  # mix with the largest loss until the mean is zero or less
        share = max(mean / (mean - LOW), RAREST)
        values = np.append(values, LOW)
        weights = np.append(weights * (1 - share), share)
    return values, weights


@settings(max_examples=25)
@given(losing_distributions(), st.floats(0.02, 0.4), st.floats(1.2, 40), st.integers(20, 150))
def test_without_an_edge_it_does_not_grow_on_average_by_any_stopping_rule(
    distribution: tuple[np.ndarray, np.ndarray], claimed: float, stop_at: float, longest: int
) -> None:
    values, weights = distribution
    generator = np.random.default_rng(7)
    capital = CapitalPaths(PATHS, Policy(risks=(), evidence=(), trades=(), claim=claimed))
    stopped = np.full(PATHS, np.nan)
    for _ in range(longest):
        value = np.exp(capital.add(generator.choice(values, PATHS, p=weights)))
        stopped = np.where(np.isnan(stopped) & (value >= stop_at), value, stopped)
    stopped = np.where(np.isnan(stopped), value, stopped)
    error = stopped.std() / math.sqrt(PATHS)
    assert stopped.mean() <= 1 + 3.5 * error + 1e-9


@settings(max_examples=25)
@given(losing_distributions())
def test_it_is_hardly_ever_large_without_an_edge(
    distribution: tuple[np.ndarray, np.ndarray],
) -> None:
    values, weights = distribution
    generator = np.random.default_rng(8)
    capital, ever = CapitalPaths(PATHS, Policy(risks=(), evidence=(), trades=())), 0.0
    highest = np.zeros(PATHS)
    for _ in range(200):
        highest = np.maximum(highest, capital.add(generator.choice(values, PATHS, p=weights)))
    ever = float((highest >= math.log(20)).mean())
    assert ever <= 1 / 20 + 3.5 * math.sqrt(0.05 * 0.95 / PATHS)


def test_a_larger_win_than_the_bracket_counts_as_its_target() -> None:
    assert evidence_of(CLAIM, [9.0]).value == evidence_of(CLAIM, [HIGH]).value


def test_a_larger_loss_than_the_bracket_counts_in_full() -> None:
    at_bound, beyond = evidence_of(CLAIM, [LOW]).value, evidence_of(CLAIM, [-5.0]).value
    assert beyond < at_bound


def test_a_restart_raises_what_is_needed() -> None:
    assert [evidence_needed(10, starts) for starts in (1, 2, 3)] == [10, 20, 30]


def test_the_sequence_covers_the_true_edge_at_every_trade() -> None:
    covered = 0
    for seed in range(40):
        outcomes = bracket_outcomes(np.random.default_rng(seed), 0.2, (400,)).tolist()
        found = edge_sequence(outcomes)  # it only ever narrows: at the end is at every trade
        covered += found.low - 0.01 <= 0.2 <= found.high + 0.01
    assert covered >= 35


def test_the_sequence_narrows_with_trades() -> None:
    outcomes = bracket_outcomes(np.random.default_rng(3), 0.2, (1_000,)).tolist()
    few, many = edge_sequence(outcomes[:50]), edge_sequence(outcomes)
    assert many.high - many.low < few.high - few.low


def test_the_drawdown_limit_is_that_of_the_claim() -> None:
    assert drawdown_limit(0.2, 1.43, 0.99) == pytest.approx(31, abs=1)


def test_a_claim_without_an_edge_is_demoted_by_its_drawdown_alone() -> None:
    decay = Decay(Claim(edge=0.0), 0.99, 1_000)
    for _ in range(2_000):
        decay.add(-1.0)
    assert decay.doubt == 0
    assert decay.cause.startswith("drawdown")


def test_a_losing_strategy_alarms_the_detector() -> None:
    decay = Decay(Claim(edge=0.2), 0.99, 1_000)
    decay.limit = math.inf
    outcomes = bracket_outcomes(np.random.default_rng(4), -0.3, (600,))
    for outcome in outcomes.tolist():
        decay.add(outcome)
    assert decay.cause.startswith("decay")
