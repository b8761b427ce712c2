"""The path of an order, from a strategy's `submit_order` to the engine's, enters few modules.

A vetoed order takes the same path: it reaches the engine addressed to the VetoAlgorithm, which
denies it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from qe_plugins import OrderRequest, Plugin, Veto, hookimpl
from qe_plugins.engine.hosting import denial, host
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.risk import gate, order_request, rules

MOST_MODULES = 8


class Guardian(Plugin):
    """Vetoes nothing."""

    @hookimpl
    def veto_order(self, order: OrderRequest) -> Veto | None:
        return None


class Never(Plugin):
    """Vetoes every order."""

    @hookimpl
    def veto_order(self, order: OrderRequest) -> Veto | None:
        return Veto("never")


class OrderPath:
    """Profiles a run: the modules of qe_plugins that an order enters on its way to the engine.

    `modules` has them in the order they are entered; `orders` is how many orders reached the
    engine's own `submit_order`.
    """

    def __init__(self) -> None:
        self.modules: dict[str, None] = {}
        self.orders = 0
        self._inside = False

    def __call__(self, frame: FrameType, kind: str, arg: Any) -> None:
        if kind == "call":
            if frame.f_code is host.GatedStrategy.submit_order.__code__:
                self._inside = True
            module = frame.f_globals.get("__name__", "")
            if self._inside and module.startswith("qe_plugins"):
                self.modules[module] = None
        elif kind == "c_call" and self._inside and getattr(arg, "__name__", "") == "submit_order":
            self._inside = False
            self.orders += 1


@pytest.fixture
def path_of(trade: Callable[..., BacktestResult]) -> Callable[..., OrderPath]:
    """Return a function that runs a strategy that buys at market, and returns the order's path."""

    def profiled(*plugins: Plugin) -> OrderPath:
        path, before = OrderPath(), sys.getprofile()
        sys.setprofile(path)
        try:
            trade("BuysAtMarket", *plugins)
        finally:
            sys.setprofile(before)
        return path

    return profiled


@pytest.mark.parametrize("plugins", [(), (Guardian(),)], ids=["alone", "with a guardian"])
def test_an_accepted_order_enters_at_most_eight_modules(
    path_of: Callable[..., OrderPath], plugins: tuple[Plugin, ...]
) -> None:
    path = path_of(*plugins)

    assert path.orders == 1
    assert {m.__name__ for m in (host, order_request, rules, gate)} <= path.modules.keys()
    assert len(path.modules) <= MOST_MODULES, list(path.modules)


def test_a_vetoed_order_enters_at_most_eight_modules(path_of: Callable[..., OrderPath]) -> None:
    path = path_of(Never())

    assert path.orders == 1
    assert {m.__name__ for m in (host, order_request, rules, gate, denial)} <= path.modules.keys()
    assert len(path.modules) <= MOST_MODULES, list(path.modules)
