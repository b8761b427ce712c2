"""An order is described as it stands: with the position and what else works beside it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from qe_plugins import OrderRequest, Plugin, hookimpl
from qe_plugins.engine.results.result import BacktestResult

CROSS = {"ema_cross": {"instrument_id": "MESH24.XCME", "fast": 2, "slow": 4}}
WAVES = [4750.0 + (n % 7) * (1 if n % 14 < 7 else -1) for n in range(55)]


class Looks(Plugin):
    """A guardian that refuses nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[OrderRequest] = []

    @hookimpl
    def veto_order(self, order: OrderRequest) -> None:
        self.orders.append(order)


def test_a_guardian_sees_the_position_and_what_it_may_become(
    trade: Callable[..., BacktestResult],
) -> None:
    trade(None, guardian := Looks(), closes=WAVES, strategies=CROSS)
    assert {order.position for order in guardian.orders} == {Decimal(-1), Decimal(0), Decimal(1)}
    for order in guardian.orders:
        signed = order.quantity if order.side == "BUY" else -order.quantity
        assert order.worst_case_position == abs(order.position + signed) == 1
        assert (order.type, order.price, order.trigger, order.stop_trigger) == (
            "MARKET",
            None,
            None,
            None,
        )


def test_the_entry_of_a_bracket_is_described_with_its_stop(
    trade: Callable[..., BacktestResult],
) -> None:
    trade("BuysABracket", guardian := Looks())
    assert [(order.side, order.stop_trigger) for order in guardian.orders] == [
        ("BUY", Decimal("4740.00"))
    ]
