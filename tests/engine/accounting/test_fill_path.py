"""The path of a fill, from Nautilus' event to its trade, enters few modules.

A fill event is queued when it arrives and booked when its chunk is over, so the path has two parts.
The other receivers of the event (balance, liquidation, the author's callback) are not on it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from nautilus_trader.model import OrderFilled

from qe_plugins import Plugin, Trade, hookimpl
from qe_plugins.engine.accounting.booking import TradeBooker
from qe_plugins.engine.accounting.trades import build_trade
from qe_plugins.engine.hosting.exceptions import guarded
from qe_plugins.engine.results.result import BacktestResult

MOST_MODULES = 6

DELIVERED = next(code for code in guarded.__code__.co_consts if hasattr(code, "co_code"))
"""The code around every callback of hosted code: an event arrives here first."""


class Analyst(Plugin):
    """Receives closed trades, so that they have excursions."""

    @hookimpl
    def trade_closed(self, trade: Trade) -> None:
        pass


class FillPath:
    """Profiles a run: the modules of qe_plugins between a fill event and its trade.

    `delivery` has the modules entered from an event's arrival until it is queued for booking,
    `others` those entered afterwards by its other receivers, `booking` those entered from the start
    of booking until a trade is built; `trades` is how many were built.
    """

    def __init__(self) -> None:
        self.delivery: set[str] = set()
        self.others: set[str] = set()
        self.booking: set[str] = set()
        self.trades = 0
        self._now: set[str] | None = None
        self._outer: list[FrameType] = []

    def __call__(self, frame: FrameType, kind: str, arg: Any) -> None:
        if kind == "call":
            self._enter(frame)
        elif kind == "c_call" and self._now is self.delivery and is_queueing(arg):
            self._now = self.others
        elif kind == "return":
            self._leave(frame)

    def _enter(self, frame: FrameType) -> None:
        code = frame.f_code
        if self._now is None:
            if code is DELIVERED and arrives(frame):
                self._now = self.delivery
                self._outer.append(frame)
            elif code is TradeBooker.book_until.__code__:
                self._now = self.booking
                self._outer.append(frame)
        module = frame.f_globals.get("__name__", "")
        if self._now is not None and module.startswith("qe_plugins"):
            self._now.add(module)

    def _leave(self, frame: FrameType) -> None:
        if frame.f_code is build_trade.__code__:
            self.trades += 1
            self._now = None
        if self._outer and frame is self._outer[-1]:
            self._outer.pop()
            self._now = None


def arrives(frame: FrameType) -> bool:
    """Say whether a callback is the one by which hosted code receives a fill."""
    method = frame.f_locals["method"].__name__
    return method == "on_order_filled" and isinstance(frame.f_locals["event"], OrderFilled)


def is_queueing(function: Any) -> bool:
    """Say whether a C function is the `append` of the queue of fills."""
    return getattr(function, "__name__", "") == "append"


@pytest.mark.parametrize("plugins", [(), (Analyst(),)], ids=["alone", "with an analyst"])
def test_a_fill_enters_at_most_six_modules_on_its_way_to_a_trade(
    trade: Callable[..., BacktestResult], plugins: tuple[Plugin, ...]
) -> None:
    path = FillPath()
    before = sys.getprofile()
    sys.setprofile(path)
    try:
        trade("BuysThenSells", *plugins)
    finally:
        sys.setprofile(before)

    modules = path.delivery | path.booking
    assert path.trades == 1
    assert {"qe_plugins.engine.hosting.host", TradeBooker.__module__} < modules
    assert build_trade.__module__ in modules
    assert len(modules) <= MOST_MODULES, sorted(modules)
