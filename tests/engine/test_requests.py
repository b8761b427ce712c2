"""An order is described the same by the quick way and by the long one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from qe_plugins import OrderRequest, Plugin, hookimpl
from qe_plugins.engine import gated
from qe_plugins.engine.outcome import Outcome
from qe_plugins.engine.requests import SIZES, lone_request_of, request_of

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


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """Have every lone order described both ways; return the list that the pairs go to."""
    pairs: list[tuple[Any, Any]] = []

    def describe(component: Any, order: Any, *asked: Any) -> Any:
        found = lone_request_of(component, order, *asked)
        pairs.append((found, request_of(component, order)))
        return found

    monkeypatch.setattr(gated, "lone_request_of", describe)
    return pairs


def test_a_lone_order_is_described_the_same_both_ways(
    trade: Callable[..., Outcome], both: list[tuple[Any, Any]]
) -> None:
    guardian = Looks()
    trade(None, guardian, closes=WAVES, strategies=CROSS)
    assert len(both) > 5
    assert all(quick == long for quick, long in both)
    assert {order.position for order in guardian.orders} == {Decimal(-1), Decimal(0), Decimal(1)}


@pytest.mark.parametrize("size", [0.0, 1.0, -3.0, 250.0, 0.5])
def test_sizes_are_exact(size: float) -> None:
    assert SIZES[size] == Decimal(repr(size))
    assert "E" not in str(SIZES[size])
