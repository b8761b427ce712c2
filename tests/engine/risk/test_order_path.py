"""The path of an order, from a strategy's `submit_order` to the engine's, enters few modules.

A vetoed order takes the same path: it reaches the engine addressed to the VetoAlgorithm, which
denies it. Counted is the second order: the first one also looks up what stays the same for many
orders, such as the contract's expiry and the session's hours.

Where the run simulates the exchange (`fills: {rules: exchange}`, the default), the order's terms
and its time of arrival are decided by `engine.simulation`, which stands in for the exchange: calls
into it are not followed. Where Nautilus' own rules fill, every call is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from qe_plugins import OrderRequest, Plugin, Veto, hookimpl
from qe_plugins.engine.hosting import host
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.risk import gate, order_request
from qe_plugins.engine.risk import rules as risk_rules

MOST_MODULES = 8
OF_A_VETO = 1
"""Modules more: a plugin's reason is made writable before it is kept."""


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
    """Profiles a run: the modules of qe_plugins that each order enters on its way to the engine.

    `orders` has the modules of each order in the order they are entered, from the hosted strategy's
    `submit_order` to the engine's own.
    """

    def __init__(self) -> None:
        self.orders: list[dict[str, None]] = []
        self._modules: dict[str, None] | None = None
        self._simulating: FrameType | None = None

    def __call__(self, frame: FrameType, kind: str, arg: Any) -> None:
        if kind == "call":
            self._enter(frame)
        elif kind == "return" and frame is self._simulating:
            self._simulating = None
        elif kind == "c_call" and getattr(arg, "__name__", "") == "submit_order":
            self._submit()

    def _enter(self, frame: FrameType) -> None:
        if frame.f_code is host.GatedStrategy.submit_order.__code__:
            self._modules = {}
        module = frame.f_globals.get("__name__", "")
        if self._modules is None or self._simulating or not module.startswith("qe_plugins"):
            return
        if module.startswith("qe_plugins.engine.simulation"):
            self._simulating = frame
        else:
            self._modules[module] = None

    def _submit(self) -> None:
        if self._modules is not None:
            self.orders.append(self._modules)
        self._modules = self._simulating = None


@pytest.fixture
def second_order(trade: Callable[..., BacktestResult]) -> Callable[..., list[str]]:
    """Return a function that runs two market orders, and returns the modules of the second."""

    def profiled(*plugins: Plugin, rules: str) -> list[str]:
        path, before = OrderPath(), sys.getprofile()
        sys.setprofile(path)
        try:
            trade("BuysTwiceAtMarket", *plugins, fills={"rules": rules}, slippage={"model": "none"})
        finally:
            sys.setprofile(before)
        [_, second] = path.orders
        return list(second)

    return profiled


@pytest.mark.parametrize("rules", ["exchange", "nautilus"])
@pytest.mark.parametrize("plugins", [(), (Guardian(),)], ids=["alone", "with a guardian"])
def test_an_accepted_order_enters_at_most_eight_modules(
    second_order: Callable[..., list[str]], plugins: tuple[Plugin, ...], rules: str
) -> None:
    modules = second_order(*plugins, rules=rules)

    assert {m.__name__ for m in (host, order_request, risk_rules, gate)} <= set(modules)
    assert len(modules) <= MOST_MODULES, modules


@pytest.mark.parametrize("rules", ["exchange", "nautilus"])
def test_a_vetoed_order_enters_at_most_one_module_more(
    second_order: Callable[..., list[str]], rules: str
) -> None:
    modules = second_order(Never(), rules=rules)

    assert {m.__name__ for m in (host, order_request, risk_rules, gate)} <= set(modules)
    assert len(modules) <= MOST_MODULES + OF_A_VETO, modules
