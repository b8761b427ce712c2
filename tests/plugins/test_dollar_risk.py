"""Dollar risk: the figures of the knowledge page, and the budget as a law."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins import Rung, Signal, Size
from qe_plugins.plugins.builtin.dollar_risk import DollarRisk, DollarRiskConfig, contracts_for

MES, ES = Decimal(5), Decimal(50)


@pytest.fixture
def size(qe_plugins: Callable[..., Any], qe_contract: Any) -> Callable[..., Size]:
    """Return a function that asks for the size of a signal, on MES with the default rung."""

    def ask(signal: Signal, *, budget: str | None = None, risk: str = "50") -> Size:
        plugin = DollarRisk(DollarRiskConfig(budget=Decimal(budget) if budget else None))
        rung = Rung(risk=Decimal(risk))
        [answer] = qe_plugins(plugin).call(
            "size_order", signal=signal, instrument=qe_contract, rung=rung
        )
        assert answer.error is None
        return answer.value

    return ask


@pytest.mark.parametrize(
    ("points", "multiplier", "contracts"),
    [("10", MES, 1), ("2", MES, 5), ("1", ES, 1), ("0.25", ES, 4), ("10.25", MES, 0)],
)
def test_fifty_dollars_hold_what_the_arithmetic_says(
    points: str, multiplier: Decimal, contracts: int
) -> None:
    assert contracts_for(Decimal(50), Decimal(points) * multiplier) == contracts


def test_ten_points_of_one_mes_are_exactly_the_default_budget(
    size: Callable[..., Size], qe_signal: Callable[..., Signal]
) -> None:
    answer = size(qe_signal(entry="4750", stop="4740"))

    assert answer == Size(1, "1 × 50 = 50 USD of 50 USD")


def test_one_tick_more_is_refused_with_both_figures(
    size: Callable[..., Size], qe_signal: Callable[..., Signal]
) -> None:
    answer = size(qe_signal(entry="4750", stop="4739.75"))

    assert answer == Size(0, "one contract risks 51.25 USD, the budget is 50 USD")


def test_a_short_is_measured_up_to_its_stop(
    size: Callable[..., Size], qe_signal: Callable[..., Signal]
) -> None:
    assert size(qe_signal(side="SHORT", entry="4750", stop="4755")).contracts == 2


def test_a_budget_of_its_own_comes_before_the_rungs(
    size: Callable[..., Size], qe_signal: Callable[..., Signal]
) -> None:
    assert size(qe_signal(entry="4750", stop="4740"), budget="200").contracts == 4


def test_without_its_own_budget_the_rungs_risk_counts(
    size: Callable[..., Size], qe_signal: Callable[..., Signal]
) -> None:
    assert size(qe_signal(entry="4750", stop="4740"), risk="150").contracts == 3


@pytest.mark.parametrize(
    "prices",
    [
        {},
        {"entry": "4750"},
        {"stop": "4740"},
        {"entry": "4750", "stop": "4750"},
        {"entry": "4750", "stop": "4760"},
    ],
)
def test_a_signal_without_a_stop_that_protects_is_not_traded(
    prices: dict[str, str], size: Callable[..., Size], qe_signal: Callable[..., Signal]
) -> None:
    answer = size(qe_signal(**prices))

    assert answer == Size(0, "no stop below the entry, so the risk is unknown")


@given(
    budget=st.decimals(min_value=0, max_value=10**9, places=2),
    ticks=st.integers(min_value=1, max_value=100_000),
    multiplier=st.sampled_from([MES, ES, Decimal("0.1"), Decimal(1000)]),
)
def test_the_stop_never_costs_more_than_the_budget_and_one_more_contract_would(
    budget: Decimal, ticks: int, multiplier: Decimal
) -> None:
    risk = ticks * Decimal("0.25") * multiplier
    contracts = contracts_for(budget, risk)

    assert contracts * risk <= budget < (contracts + 1) * risk
