"""A rule is evaluated once, whichever way an order takes; what only reduces passes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qe_plugins import OrderRequest, Plugin, hookimpl
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.risk.order_request import OrderDescription
from qe_plugins.engine.risk.rules import RiskRules
from tests.engine.risk.test_veto import SLICER

Trade = Callable[..., BacktestResult]
CROSS = {"ema_cross": {"instrument_id": "MESH24.XCME", "fast": 2, "slow": 4}}
WAVES = [4750.0 + (n % 7) * (1 if n % 14 < 7 else -1) for n in range(55)]


class Asked(Plugin):
    """A guardian that refuses nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[OrderRequest] = []

    @hookimpl
    def veto_order(self, order: OrderRequest) -> None:
        self.orders.append(order)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[OrderDescription]:
    """Add a rule that no order keeps; return the list of orders that it was asked about."""
    asked: list[OrderDescription] = []
    others = RiskRules.violations

    def violations(self: RiskRules, described: OrderDescription) -> Any:
        asked.append(described)
        return [*others(self, described), ("closed", "nothing is traded")]

    monkeypatch.setattr(RiskRules, "violations", violations)
    return asked


@pytest.mark.parametrize("guardians", [(), (Asked,)])
@pytest.mark.parametrize(
    "trader",
    [
        "BuysAtMarket", "SellsAtMarket", "BuysThroughSuper", "BuysAtLimit", "BuysEmulated",
        "BuysABracket", "BuysTwiceAtLimit", "StopsInAtBar3", "BuysFromATimer",
        "BuysWithTwoFullStops", "BuysByAlgorithm", "AsksAgainWhenDenied",
    ],
)  # fmt: skip
def test_a_rule_that_no_order_keeps_refuses_every_order(
    trade: Trade, evaluated: list[OrderDescription], trader: str, guardians: tuple[type[Any], ...]
) -> None:
    outcome = trade(trader, *(one() for one in guardians), **SLICER)
    assert outcome.fills.is_empty()
    assert outcome.orders["status"].unique().to_list() == ["DENIED"]
    assert all("closed: nothing is traded" in reason for reason in outcome.orders["reason"])
    assert outcome.vetoes["plugin"].unique().to_list() == ["closed"]
    assert evaluated


def test_so_it_does_at_every_bar_of_a_strategy_that_trades_often(
    trade: Trade, evaluated: list[OrderDescription]
) -> None:
    outcome = trade(None, closes=WAVES, strategies=CROSS)
    assert outcome.fills.is_empty()
    assert len(evaluated) == outcome.orders.height > 5


def test_what_an_algorithm_spawns_is_asked_about_too(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = RiskRules.violations

    def violations(self: RiskRules, described: OrderDescription) -> Any:
        spawned = "-E" in described.request.client_order_id
        return [*others(self, described), *([("slices", "no slices")] if spawned else [])]

    monkeypatch.setattr(RiskRules, "violations", violations)
    assert trade("BuysByAlgorithm", **SLICER).fills.is_empty()


def test_a_modification_that_grows_an_order_is_asked_about_once(
    trade: Trade, evaluated: list[OrderDescription], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = RiskRules.violations

    def only_growth(self: RiskRules, described: OrderDescription) -> Any:
        found = refusing(self, described)
        return found if described.request.increase_by is not None else []

    monkeypatch.setattr(RiskRules, "violations", only_growth)
    outcome = trade("GrowsALimit")
    assert [one.request.increase_by for one in evaluated] == [None, 2]
    assert outcome.orders.select("status", "quantity").row(0) == ("ACCEPTED", 1.0)


def test_each_order_is_described_and_evaluated_once(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    others = RiskRules.violations

    def violations(self: RiskRules, described: OrderDescription) -> Any:
        asked.append(described.request.client_order_id)
        return others(self, described)

    monkeypatch.setattr(RiskRules, "violations", violations)
    outcome = trade(None, guardian := Asked(), closes=WAVES, strategies=CROSS)
    assert asked == [order.client_order_id for order in guardian.orders]
    assert len(asked) == len(set(asked)) == outcome.orders.height > 5
