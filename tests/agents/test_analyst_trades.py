"""The review of a closed trade."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agents.analyst_trades import AnalystTrades
from qe_plugins import Review, Signal, Trade

Trades = Callable[..., Trade]


@pytest.fixture
def review(qe_plugins: Callable[..., Any], qe_contract: Any) -> Callable[[Trade], Review]:
    """Return a function that has an analyst look at a trade."""

    def ask(trade: Trade) -> Review:
        desk = qe_plugins(AnalystTrades())
        desk.hook.engine_started(
            cache=SimpleNamespace(instruments=lambda: [qe_contract]), portfolio=None
        )
        [answer] = desk.call("trade_closed", trade=trade)
        assert answer.error is None
        return answer.value

    return ask


@pytest.fixture
def votes(qe_signal: Callable[..., Signal]) -> tuple[Signal, ...]:
    """Return a hunter's vote and the signal that an arbiter made of it, four points of risk."""
    return (
        qe_signal(source="hunter_momentum", confidence=0.8, entry="4750", stop="4746"),
        qe_signal(source="arbiter_vote", entry="4750", stop="4746"),
    )


def test_the_result_is_told_in_units_of_the_risk_taken(
    review: Any, qe_trade: Trades, votes: Any
) -> None:
    assert review(qe_trade(pnl="8.76", votes=votes)).facts["r"] == 0.44


def test_the_excursions_are_told_in_units_of_the_risk_taken(
    review: Any, qe_trade: Trades, votes: Any
) -> None:
    facts = review(qe_trade(votes=votes, excursion={"favorable": "30", "adverse": "-10"})).facts

    assert (facts["best_r"], facts["worst_r"]) == (1.5, -0.5)


def test_the_summary_is_a_sentence(review: Any, qe_trade: Trades, votes: Any) -> None:
    trade = qe_trade(votes=votes, excursion={"favorable": "30", "adverse": "-10"}, slippage="0.25")

    assert review(trade).summary == (
        "LONG 1 MESH24.XCME won 8.76 USD (+0.44 R) in 30 min; best +1.50 R, worst -0.50 R; "
        "paid 1.24 USD, slipped +0.25 points; hunter_momentum voted LONG (0.80)."
    )


def test_a_trade_without_a_signal_is_reviewed_in_money(review: Any, qe_trade: Trades) -> None:
    answer = review(qe_trade(pnl="-3", excursion={"favorable": "1", "adverse": "-4"}))

    assert "r" not in answer.facts
    assert answer.summary == (
        "LONG 1 MESH24.XCME lost 3.00 USD in 30 min; best +1.00 USD, worst -4.00 USD; "
        "paid 1.24 USD; no votes."
    )


def test_the_votes_are_kept_as_facts(review: Any, qe_trade: Trades, votes: Any) -> None:
    assert review(qe_trade(votes=votes)).facts["votes"] == {"hunter_momentum": "LONG 0.80"}
