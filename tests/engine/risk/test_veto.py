"""The veto matrix: whatever kind of order adds risk, a guardian can refuse it; closing passes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from nautilus_trader.model import OrderDenied, OrderModifyRejected

from qe_plugins import OrderRequest, Plugin, Posture, Role, Veto, hookimpl
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.journal.facts import FactKind
from tests.engine import traders

Trade = Callable[..., BacktestResult]
SLICER = {"exec_algorithms": {"slicer": {"path": "tests.engine.traders:Slicer"}}}


class Never(Plugin):
    """Refuses everything that it is asked about."""

    role = Role.GUARDIAN

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.asked: list[OrderRequest] = []

    @hookimpl
    def veto_order(self, order: OrderRequest) -> Veto:
        self.asked.append(order)
        return Veto(f"never, not even {order.quantity}")


class Small(Plugin):
    """Refuses what would leave more than `most` contracts at risk."""

    most = 1

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.asked: list[OrderRequest] = []

    @hookimpl
    def veto_order(self, order: OrderRequest) -> Veto | None:
        self.asked.append(order)
        return (
            Veto(f"{order.worst_case_position} at risk")
            if order.worst_case_position > self.most
            else None
        )


class Shy(Plugin):
    @hookimpl
    def veto_order(self, order: OrderRequest) -> Veto | None:
        raise PermissionError("asked too much")


class Vague(Plugin):
    @hookimpl
    def veto_order(self, order: OrderRequest) -> Any:
        return True


class Waiting(Plugin):
    """Answers after the gate's patience is over, with a yes."""

    @hookimpl
    def veto_order(self, order: OrderRequest) -> None:
        threading.Event().wait(0.02)


@pytest.mark.parametrize(
    "trader",
    ["BuysAtMarket", "BuysThroughSuper", "BuysAtLimit", "BuysEmulated", "BuysABracket"],
)
def test_a_vetoed_order_of_any_kind_ends_denied(trade: Trade, trader: str) -> None:
    outcome = trade(trader, Never())
    assert outcome.orders["status"].unique().to_list() == ["DENIED"]
    assert outcome.orders["reason"].unique().to_list() == ["Never: never, not even 1"]
    assert outcome.fills.is_empty()


def test_the_strategy_receives_plugin_and_reason_in_the_event_and_in_on_order_denied(
    trade: Trade,
) -> None:
    trade("BuysAtMarket", Never())
    heard = traders.BuysAtMarket.heard
    assert [e.reason for e in heard if isinstance(e, OrderDenied)] == ["Never: never, not even 1"]
    assert ("on_order_denied", "Never: never, not even 1") in heard


def test_the_journal_has_the_veto_and_the_order_that_it_refused(trade: Trade) -> None:
    outcome = trade("BuysAtMarket", Never())
    facts = {fact.kind: fact for fact in outcome.facts}
    assert facts[FactKind.VETO].source == "Never"
    assert facts[FactKind.VETO].body["reason"] == "never, not even 1"
    assert facts[FactKind.VETO].cause == facts[FactKind.ORDER].id
    assert facts[FactKind.ORDER].body["status"] == "DENIED"


def test_every_order_of_a_vetoed_bracket_is_denied(trade: Trade) -> None:
    outcome = trade("BuysABracket", guardian := Never())
    assert outcome.orders["status"].to_list() == ["DENIED"] * 3
    assert len(guardian.asked) == 1
    assert guardian.asked[0].stop_trigger == Decimal("4740.00")


def test_an_order_that_an_algorithm_spawns_is_vetoed(trade: Trade) -> None:
    class OnlyTheFirst(Never):
        @hookimpl
        def veto_order(self, order: OrderRequest) -> Veto | None:
            self.asked.append(order)
            return Veto("no slices") if "-E" in order.client_order_id else None

    outcome = trade("BuysByAlgorithm", OnlyTheFirst(), **SLICER)
    spawned = outcome.orders.filter(pl.col("client_order_id").str.contains("-E"))
    assert spawned["status"].to_list() == ["DENIED"]
    assert spawned["reason"].to_list() == ["OnlyTheFirst: no slices"]
    assert outcome.fills.is_empty()


def test_a_modification_that_grows_an_order_is_refused_and_the_order_works_on(trade: Trade) -> None:
    class NoGrowth(Plugin):
        @hookimpl
        def veto_order(self, order: OrderRequest) -> Veto | None:
            return Veto(f"{order.increase_by} more") if order.increase_by else None

    outcome = trade("GrowsALimit", NoGrowth())
    heard = traders.GrowsALimit.heard
    assert outcome.orders.select("status", "quantity").row(0) == ("ACCEPTED", 1.0)
    assert [e.reason for e in heard if isinstance(e, OrderModifyRejected)] == ["NoGrowth: 2 more"]
    assert ("on_order_modify_rejected", "NoGrowth: 2 more") in heard
    assert outcome.vetoes["reason"].to_list() == ["2 more"]


def test_a_modification_that_shrinks_an_order_is_not_put_to_anybody(trade: Trade) -> None:
    outcome = trade("ShrinksALimit", guardian := Small())
    guardian.most = 3
    assert outcome.orders["quantity"].to_list() == [3.0] or len(guardian.asked) == 1


def test_an_order_that_closes_passes_while_everything_else_is_vetoed(trade: Trade) -> None:
    class AfterTheFirst(Never):
        @hookimpl
        def veto_order(self, order: OrderRequest) -> Veto | None:
            self.asked.append(order)
            return Veto("enough") if len(self.asked) > 1 else None

    outcome = trade("BuysThenSells", guardian := AfterTheFirst())
    assert outcome.orders["status"].to_list() == ["FILLED", "FILLED"]
    assert len(guardian.asked) == 1


def test_an_order_that_goes_through_flat_is_put_to_the_guardians(trade: Trade) -> None:
    outcome = trade("BuysThenReverses", guardian := Small())
    assert [order.worst_case_position for order in guardian.asked] == [1, 1]
    assert guardian.asked[1].position == 1
    assert outcome.orders["status"].to_list() == ["FILLED", "FILLED"]


def test_the_second_of_two_closing_orders_would_open_and_is_put_to_the_guardians(
    trade: Trade,
) -> None:
    trade("SellsTwiceInOneBar", guardian := Small())
    assert [(order.type, order.side) for order in guardian.asked] == [
        ("MARKET", "BUY"),
        ("LIMIT", "SELL"),
    ]


def test_a_stop_and_a_target_that_cancel_one_another_only_reduce(trade: Trade) -> None:
    trade("ProtectsWithOco", guardian := Small())
    assert [order.type for order in guardian.asked] == ["MARKET"]


def test_a_guardian_that_raises_vetoes(trade: Trade) -> None:
    outcome = trade("BuysAtMarket", Shy())
    assert outcome.orders["reason"].to_list() == ["Shy: raised PermissionError: asked too much"]


def test_a_guardian_that_answers_too_late_vetoes(trade: Trade) -> None:
    outcome = trade("BuysAtMarket", Waiting(), risk={"veto_timeout": "5ms"})
    assert outcome.orders["status"].to_list() == ["DENIED"]
    assert "the limit is 0.005 s" in outcome.orders["reason"].item()


def test_a_guardian_that_answers_nonsense_vetoes(trade: Trade) -> None:
    assert trade("BuysAtMarket", Vague()).orders["status"].to_list() == ["DENIED"]


def test_all_vetoes_are_journaled_and_all_reasons_given(trade: Trade) -> None:
    outcome = trade("BuysAtMarket", Never(), Shy())
    assert outcome.vetoes["plugin"].to_list() == ["Never", "Shy"]
    assert outcome.orders["reason"].item().startswith("Never: never, not even 1; Shy: raised")


@pytest.mark.parametrize(
    ("posture", "reason"),
    [
        ({"halt": True, "reason": "the desk is shut"}, "posture is halt: the desk is shut"),
        ({"valid_until": 1, "reason": "long ago"}, "posture expired: long ago"),
    ],
)
def test_a_halt_or_an_expired_posture_allows_no_new_risk(
    trade: Trade, posture: dict[str, Any], reason: str
) -> None:
    outcome = trade("BuysAtMarket", posture=posture)
    assert outcome.orders["reason"].to_list() == [f"posture: {reason}"]


def test_the_observers_are_notified_of_a_denial(trade: Trade) -> None:
    class Scribe(Never):
        def __init__(self) -> None:
            super().__init__()
            self.heard: list[tuple[str, str]] = []

        @hookimpl
        def order_denied(self, order: OrderRequest, reason: str) -> None:
            self.heard.append((order.type, reason))

    trade("BuysAtMarket", scribe := Scribe())
    assert scribe.heard == [("MARKET", "Scribe: never, not even 1")]


def test_a_guardian_sees_the_posture_and_what_else_works(trade: Trade) -> None:
    class Curious(Plugin):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Posture | None] = []

        @hookimpl
        def veto_order(self, order: OrderRequest, posture: Posture | None) -> None:
            self.seen.append(posture)

    trade("BuysAtMarket", curious := Curious(), posture={"reason": "calm", "max_contracts": 2})
    assert [p.max_contracts for p in curious.seen if p] == [2]


def test_exits_that_take_off_more_than_their_entry_puts_on_are_put_to_the_guardians(
    trade: Trade,
) -> None:
    trade("BuysWithTwoFullStops", guardian := Small())
    assert [order.side for order in guardian.asked] == ["BUY", "SELL", "SELL"]


def test_a_strategy_may_order_again_in_on_order_denied(trade: Trade) -> None:
    outcome = trade("AsksAgainWhenDenied", Small())
    assert outcome.orders.select("quantity", "status").rows() == [(2.0, "DENIED"), (1.0, "FILLED")]


def test_a_denial_comes_after_the_callback_as_the_engine_s_own_do(trade: Trade) -> None:
    trade("AsksAgainWhenDenied", Never())
    heard = [said for said in traders.AsksAgainWhenDenied.heard if isinstance(said, str | tuple)]
    assert heard[0] == "INITIALIZED"
    assert [said[0] for said in heard if isinstance(said, tuple)] == ["on_order_denied"] * 3
