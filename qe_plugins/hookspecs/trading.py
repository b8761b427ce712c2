"""Hooks from the bar to the order, on the trading thread."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import numpy as np
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, FuturesContract
    from nautilus_trader.portfolio import Portfolio

    from qe_plugins.bars import Bars
    from qe_plugins.decisions import (
        OrderRequest,
        Posture,
        Rung,
        Signal,
        Size,
        Veto,
    )
    from qe_plugins.views import Account, History

hookspec = pluggy.HookspecMarker("qe")


@hookspec
def screen_bars(bars: Bars, instrument: FuturesContract) -> np.ndarray | None:
    """Say which bars are worth a question (HUNTER), for many at once: backtests run much faster.

    Called: in a backtest before the bars of a piece of the tape; live at the close of every bar.
    Thread: trading.
    Answers: of each plugin for itself: only at the bars it named is it asked `contribute_signals`.
    Exception: no signal from this plugin at these bars, counted and journaled.

    A bar is judged by itself and the `lookback` bars before it, a number that the plugin has as an
    attribute, and by nothing after it: a screen that looks ahead stops the run.

    Args:
        bars: bars of one type, oldest first. The answer has one `True` or `False` for each;
            `None` names no bar.
        instrument: the contract that they are of.

    Example::

        class LargeBar(Plugin):
            role = Role.HUNTER
            lookback = 1

            @hookimpl
            def screen_bars(self, bars):
                spread = bars.high - bars.low
                large = spread > 0
                large[1:] = spread[1:] > 2 * spread[:-1]
                return large

            @hookimpl
            def contribute_signals(self, bar):
                side = Side.LONG if bar.close > bar.open else Side.SHORT
                contract = str(bar.bar_type.instrument_id)
                return Signal(instrument_id=contract, side=side, reason="a large bar")
    """


@hookspec
def contribute_signals(
    bar: Bar, cache: Cache, history: History
) -> Signal | Iterable[Signal] | None:
    """Wish for a position (HUNTER).

    Called: at the close of every bar; of those that it named, where the plugin has `screen_bars`.
    Thread: trading.
    Answers: all are put to `resolve_signals`.
    Exception: no signal from this plugin, counted and journaled.

    Args:
        bar: the bar that has just closed, of a dated contract.
        cache: instruments, earlier bars, orders and positions, as Nautilus holds them.
        history: the bars that have closed by now, as columns.

    Example::

        class GreenBar(Plugin):
            role = Role.HUNTER

            @hookimpl
            def contribute_signals(self, bar):
                if bar.close > bar.open:
                    contract = str(bar.bar_type.instrument_id)
                    return Signal(instrument_id=contract, side=Side.LONG, reason="a green bar")
    """


@hookspec(firstresult=True)
def resolve_signals(
    signals: list[Signal], instrument: FuturesContract, portfolio: Portfolio
) -> Signal | None:
    """Make one signal of many (ARBITER).

    Called: when a bar brought at least one signal for an instrument.
    Thread: trading.
    Answers: the first that is not None is published; the plugins after it are not asked.
    Exception: stay flat: no signal is published, journaled.

    Args:
        signals: at least one, all for `instrument`, in call order.
        instrument: the contract that the signals are about.
        portfolio: balances, margins and profits, as Nautilus holds them.

    Example::

        class Loudest(Plugin):
            role = Role.ARBITER

            @hookimpl
            def resolve_signals(self, signals):
                return max(signals, key=lambda s: s.confidence)
    """


@hookspec(firstresult=True)
def size_order(
    signal: Signal, instrument: FuturesContract, portfolio: Portfolio, rung: Rung
) -> Size | None:
    """Say how many contracts a signal is worth.

    Called: when a strategy asks `self.desk.size(signal)`.
    Thread: trading.
    Answers: the first that is not None, capped by the rung; the plugins after it are not asked.
    Exception: no order, journaled. No answer means the same.

    Args:
        signal: the signal that the strategy wants to follow.
        instrument: the contract to trade; its multiplier is currency a point.
        portfolio: balances, margins and profits, as Nautilus holds them.
        rung: what may be risked on one trade.

    Example::

        class One(Plugin):
            @hookimpl
            def size_order(self, signal):
                return Size(1, "always one")
    """


@hookspec
def screen_orders(bars: Bars, instrument: FuturesContract) -> np.ndarray | None:
    """Say after which bars orders are to be put to you (GUARDIAN), for many at once.

    Called: in a backtest before the bars of a piece of the tape; live not at all.
    Thread: trading.
    Answers: of each plugin for itself: it is asked `veto_order` while a bar that it named is the
    last of its type, and wherever that is not known. Of other orders it counts as asked, too.
    Exception: it is asked about every order after these bars, counted and journaled.

    For guardians that judge the market alone. A bar is judged by itself and the `lookback` bars
    before it, a number that the plugin has as an attribute, and by nothing after it: a screen that
    looks ahead stops the run. Where in doubt name a bar: `veto_order` has the last word.

    Args:
        bars: bars of one type, oldest first. The answer has one `True` or `False` for each;
            `None` says nothing of bars of this type.
        instrument: the contract that they are of.

    Example::

        class NoPanic(Plugin):
            role = Role.GUARDIAN

            @hookimpl
            def screen_orders(self, bars):
                return bars.high - bars.low > 10

            @hookimpl
            def veto_order(self, order, history):
                bar = history.last(f"{order.instrument_id}-1-MINUTE-LAST-EXTERNAL", 1)
                if not len(bar) or bar.high[0] - bar.low[0] > 10:
                    return Veto("a bar of more than ten points, or none at all")
    """


@hookspec
def veto_order(
    order: OrderRequest, instrument: FuturesContract, portfolio: Portfolio, cache: Cache,
    posture: Posture | None, rung: Rung, account: Account, history: History,
) -> Veto | None:  # fmt: skip
    """Refuse an order (GUARDIAN). Orders that only reduce the position are never put here.

    Called: before an order, or a modification that grows one, leaves a strategy; in a backtest only
    after bars that it named, where the plugin has `screen_orders`.
    Thread: trading.
    Answers: one veto denies; every plugin is asked and all vetoes are journaled.
    Exception: a veto. An answer slower than `gate.timeout` means the same.

    Args:
        order: the order as plain data, with the position and the working contracts beside it.
        instrument: the contract to trade.
        portfolio: balances, margins and profits, as Nautilus holds them.
        cache: instruments, bars, orders and positions, as Nautilus holds them.
        posture: what the fleet allows at present, None where no posture was set.
        rung: what may be risked on one trade.
        account: what the account is worth at this moment.
        history: the bars that have closed by now, as columns.

    Example::

        class SmallOnly(Plugin):
            role = Role.GUARDIAN

            @hookimpl
            def veto_order(self, order):
                if order.quantity > 1:
                    return Veto(f"one contract at a time, was {order.quantity}")
    """
