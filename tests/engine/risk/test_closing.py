"""Closing is always allowed: no margin, rung, session, posture or guardian refuses what reduces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model import OrderSide, Price, Quantity, TrailingOffsetType, TriggerType

from qe_plugins import OrderRequest, Plugin, Veto, hookimpl
from qe_plugins.engine.results.result import BacktestResult
from tests.engine.traders import MES, Trader, relinked

Trade = Callable[..., BacktestResult]
BUY, SELL = OrderSide.BUY, OrderSide.SELL
KINDS = ("market", "stop", "stop_limit", "trailing", "target")
TIGHT: dict[str, Any] = {
    "rung": {"name": "2 MES", "max_contracts": 2, "risk": 5_000},
    "nautilus": {"venue": {"starting_balances": ["4_010 USD"]}},
    "margin": {"on_breach": "ignore"},
    "slippage": {"model": "none"},
}
"""Margin and rung for the two contracts that are held, and for no third."""


class OnlyOnce(Plugin):
    """Lets the first order pass, and refuses everything after it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[OrderRequest] = []

    @hookimpl
    def veto_order(self, order: OrderRequest) -> Veto | None:
        self.asked.append(order)
        return Veto("enough") if len(self.asked) > 1 else None


class Closer(Trader):
    """Two contracts in at bar 1, on the side of the subclass; closes them in its own way."""

    side = BUY

    @property
    def closing(self) -> OrderSide:
        return SELL if self.side == BUY else BUY

    def price(self, points: float) -> Price:
        """Return a price so many points from 4750 to the good, negative to the bad."""
        sign = 1 if self.side == BUY else -1
        return Price.from_decimal_dp(Decimal(4750) + Decimal(str(sign * points)), 2)

    def enter(self) -> None:
        self.submit_order(self.market(self.side, Quantity.from_int(2)))

    def exit(self, kind: str, contracts: int = 2) -> Any:
        make, side, size = self.order_factory, self.closing, Quantity.from_int(contracts)
        match kind:
            case "market":
                return make.market(MES, side, size)
            case "stop":
                return make.stop_market(MES, side, size, self.price(-10))
            case "stop_limit":
                return make.stop_limit(MES, side, size, self.price(-12), self.price(-10))
            case "trailing":
                return make.trailing_stop_market(
                    MES,
                    side,
                    size,
                    trailing_offset=Decimal(10),
                    trailing_offset_type=TrailingOffsetType.PRICE,
                    trigger_price=self.price(-10),
                    trigger_type=TriggerType.LAST_PRICE,
                )
            case _:
                return make.limit(MES, side, size, self.price(10))

    def bar_1(self) -> None:
        self.enter()


class Later(Closer):
    """Closes at bar 3 with the kind of order that `kind` says, `parts` at a time."""

    kind, parts = "market", (2,)

    def bar_3(self) -> None:
        for contracts in self.parts:
            self.submit_order(self.exit(self.kind, contracts))


class AtOnce(Closer):
    """Sends the exit in the callback that sends the entry."""

    kind = "stop"

    def bar_1(self) -> None:
        self.enter()
        self.submit_order(self.exit(self.kind))


class ByHand(Closer):
    """Sends a stop and a target that cancel one another with the entry; closes at bar 3."""

    def bar_1(self) -> None:
        self.enter()
        stop, target = self.exit("stop"), self.exit("target")
        ids = [stop.client_order_id, target.client_order_id]
        self.submit_order_list([relinked(stop, ids[1:]), relinked(target, ids[:1])])

    def bar_3(self) -> None:
        self.submit_order(self.exit("market"))


class Unlinked(ByHand):
    """The same, with a stop and a target that do not know of one another."""

    def bar_1(self) -> None:
        self.enter()
        self.submit_order(self.exit("stop"))
        self.submit_order(self.exit("target", 1))


class Whole(ByHand):
    """A bracket as one list; closes half of it at bar 3 and the rest at bar 4."""

    def bar_1(self) -> None:
        self.submit_order_list(
            self.order_factory.bracket(
                MES,
                self.side,
                Quantity.from_int(2),
                tp_price=self.price(10),
                sl_trigger_price=self.price(-10),
            )
        )

    def bar_3(self) -> None:
        self.submit_order(self.exit("market", 1))

    def bar_4(self) -> None:
        self.submit_order(self.exit("market", 1))


class OneList(Closer):
    """Entry, stop and target in one list, linked by nothing."""

    def bar_1(self) -> None:
        entry = self.market(self.side, Quantity.from_int(2))
        self.submit_order_list([entry, self.exit("stop")])


Chosen: Any = None
"""The class that a test chose: the configuration names it by this name."""


def run(
    trade: Trade,
    trader: type[Closer],
    side: OrderSide,
    *plugins: Plugin,
    closes: Sequence[float] = (4_750,) * 6,
    **more: Any,
) -> BacktestResult:
    """Run a closer on one side, on an account that holds two contracts and no more."""
    globals()["Chosen"] = type("Chosen", (trader,), {"side": side, **more})
    strategies = {"closer": {"path": f"{__name__}:Chosen"}}
    return trade(None, *plugins, closes=closes, strategies=strategies, **TIGHT)


sides = pytest.mark.parametrize("side", [BUY, SELL], ids=["long", "short"])


@sides
@pytest.mark.parametrize("parts", [(2,), (1,), (1, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_an_order_that_closes_later_is_not_checked(
    trade: Trade, side: OrderSide, kind: str, parts: tuple[int, ...]
) -> None:
    outcome = run(trade, Later, side, guardian := OnlyOnce(), kind=kind, parts=parts)
    assert outcome.orders["reason"].drop_nulls().to_list() == []
    assert len(guardian.asked) == 1


@sides
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "market"])
def test_exits_sent_with_their_entry_are_not_checked(
    trade: Trade, side: OrderSide, kind: str
) -> None:
    outcome = run(trade, AtOnce, side, guardian := OnlyOnce(), kind=kind)
    assert outcome.orders["status"].to_list() == ["FILLED", "ACCEPTED"]
    assert len(guardian.asked) == 1


@sides
@pytest.mark.parametrize("trader", [ByHand, Whole, OneList])
def test_exits_of_a_bracket_pass_and_so_does_a_close_beside_them(
    trade: Trade, side: OrderSide, trader: type[Closer]
) -> None:
    outcome = run(trade, trader, side, guardian := OnlyOnce())
    assert outcome.orders["reason"].drop_nulls().to_list() == []
    assert len(guardian.asked) == 1


@sides
def test_a_close_passes_beside_exits_that_come_to_more_than_the_position(
    trade: Trade, side: OrderSide
) -> None:
    outcome = run(trade, Unlinked, side, guardian := OnlyOnce())
    closes = outcome.orders.row(-1, named=True)
    assert (closes["type"], closes["status"]) == ("MARKET", "FILLED")
    assert len(guardian.asked) == 2  # the entry, and the target beyond what the stop takes off


@sides
def test_after_a_loss_below_the_margin_a_position_may_still_be_closed_in_part(
    trade: Trade, side: OrderSide
) -> None:
    """Two contracts that asked for 4,000 USD when there is half of it left."""
    moved = 4_550.0 if side == BUY else 4_950.0
    closes = (4_750.0, 4_750.0, moved, moved, moved)
    outcome = run(trade, Later, side, closes=closes, parts=(1,))
    assert outcome.orders["status"].to_list() == ["FILLED", "FILLED"]


def test_more_than_is_held_is_new_risk(trade: Trade) -> None:
    outcome = run(trade, Later, BUY, guardian := OnlyOnce(), kind="market", parts=(3,))
    assert outcome.orders["status"].to_list() == ["FILLED", "DENIED"]
    assert len(guardian.asked) == 2
