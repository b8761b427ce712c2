"""The tables of a simulated ladder, against those that it was designed by."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from qe_plugins.ladder.rungs import LadderFile, load_ladder
from qe_plugins.ladder.simulate import (
    Policy,
    first_alarm,
    peeking,
    policy_of,
    simulate,
    usual_rule,
)
from qe_plugins.ladder.tables import plain_policy, tables_of

LADDER = Path("configs/ladder/mes_to_es.yaml")

REACHED = {
    -0.05: (0.05, 0.01, 0.00),
    0.0: (0.11, 0.03, 0.005),
    0.05: (0.38, 0.18, 0.08),
    0.10: (0.83, 0.64, 0.44),
    0.20: (1.0, 1.0, 1.0),
    0.30: (1.0, 1.0, 1.0),
}
"""Shares that reach 5 MES, 1 ES and 5 ES by the true edge, with plug-in bets alone."""

DRAWDOWNS = {-0.05: 7.3, 0.0: 5.2, 0.05: 10.0, 0.10: 31.0, 0.20: 56.0, 0.30: 46.0}
"""Mean worst drawdowns in thousands of USD."""

TOP_TRADES = {0.10: 1144, 0.20: 549, 0.30: 310}


@pytest.fixture(scope="module")
def rules() -> LadderFile:
    return load_ladder(LADDER).rules


@pytest.fixture(scope="module")
def policy(rules: LadderFile) -> Policy:
    return policy_of(rules, 0.2)


def near(share: float, paths: int) -> float:
    """Return four standard errors of the two simulations compared, the other of 1,500 paths."""
    spread = max(share * (1 - share), 0.005)
    return float(4 * np.sqrt(spread / paths + spread / 1_500))


def matches(policy: Policy, edge: float, paths: int) -> None:
    found = simulate(edge, plain_policy(policy), paths=paths, trades=2_000, seed=11)
    for rung, share in enumerate(REACHED[edge], start=1):
        assert found.reached(rung) == pytest.approx(share, abs=near(share, paths))
    assert found.drawdown.mean() / 1e3 == pytest.approx(DRAWDOWNS[edge], rel=0.2)
    if edge in TOP_TRADES:
        assert found.median_trade(3) == pytest.approx(TOP_TRADES[edge], rel=0.1)


@pytest.mark.parametrize("edge", [0.0, 0.10])
def test_a_small_sample_of_the_table(policy: Policy, edge: float) -> None:
    matches(policy, edge, 400)


@pytest.mark.long
@pytest.mark.parametrize("edge", REACHED)
def test_the_table_of_edges(policy: Policy, edge: float) -> None:
    matches(policy, edge, 2_000)


@pytest.mark.long
def test_no_edge_hardly_ever_reaches_es(policy: Policy) -> None:
    found = simulate(0.0, policy, paths=10_000, trades=2_000, seed=12)
    assert found.reached(2) <= 0.10
    assert found.reached(3) <= 0.025


def test_a_small_sample_without_an_edge_hardly_ever_reaches_es(policy: Policy) -> None:
    found = simulate(0.0, policy, paths=800, trades=1_000, seed=12)
    assert found.reached(2) <= 0.10
    assert found.reached(3) <= 0.025


def test_the_usual_rule_takes_everyone_to_the_top(policy: Policy) -> None:
    found = usual_rule(0.0, policy.risks, paths=400, trades=2_000, seed=13)
    assert found.reached(3) > 0.98
    assert found.drawdown.mean() == pytest.approx(86_000, rel=0.15)


@pytest.mark.long
@pytest.mark.parametrize(("limit", "false"), [(15, 0.65), (20, 0.30), (25, 0.12), (31, 0.03)])
def test_the_price_of_a_drawdown_limit(limit: float, false: float) -> None:
    found = first_alarm(0.2, limit=limit, paths=3_000, trades=500, seed=14)
    assert (found <= 500).mean() == pytest.approx(false, abs=0.04)


@pytest.mark.long
def test_a_losing_edge_is_found_by_drawdown_and_by_the_detector() -> None:
    how = {"paths": 3_000, "trades": 2_000, "seed": 15}
    by_drawdown = first_alarm(-0.1, limit=31, **how)
    assert np.median(by_drawdown) == pytest.approx(191, rel=0.08)
    assert np.quantile(by_drawdown, 0.9) == pytest.approx(417, rel=0.08)
    assert np.median(first_alarm(0.0, limit=31, **how)) == pytest.approx(384, rel=0.08)
    by_detector = first_alarm(-0.1, alarm=1_000, **how)
    assert np.median(by_detector) == pytest.approx(182, rel=0.08)
    assert np.median(first_alarm(0.0, alarm=1_000, **how)) == pytest.approx(307, rel=0.08)
    assert (first_alarm(0.2, alarm=1_000, **how) <= 500).mean() == pytest.approx(0.05, abs=0.02)


@pytest.mark.long
def test_a_dying_edge_costs_less_with_demotion(policy: Policy) -> None:
    edges = [0.25] * 900 + [-0.1] * 1_100
    how = {"paths": 1_500, "trades": 2_000, "seed": 16}
    kept = simulate(edges, plain_policy(policy), **how)
    never = simulate(edges, msgspec.structs.replace(plain_policy(policy), limit=None), **how)
    assert kept.pnl.mean() == pytest.approx(247_000, rel=0.06)
    assert (kept.last == 3).mean() < 0.01
    assert never.pnl.mean() < 80_000
    assert (never.last == 3).mean() > 0.4


def test_peeking_fires_the_usual_rules_and_not_the_evidence(policy: Policy) -> None:
    found = peeking(policy, paths=2_000, trades=500, seed=17)
    assert found.t_after_20 == pytest.approx(0.30, abs=0.04)
    assert found.t_after_60 == pytest.approx(0.50, abs=0.04)
    assert found.evidence_20 <= 0.036


def test_model_costs_above_the_edge_leave_nobody_on_a_higher_rung(policy: Policy) -> None:
    found = simulate(0.05 - 0.06, policy, paths=800, trades=1_000, seed=18)
    assert found.reached(3) <= 0.02
    assert found.pnl.mean() < 0


def test_the_tables_are_the_same_for_the_same_seed(rules: LadderFile) -> None:
    first, second = (
        msgspec.json.encode(tables_of(rules, claim=0.2, paths=30, trades=120, seed=4))
        for _ in range(2)
    )
    assert first == second
