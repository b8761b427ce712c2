"""Hooks from the bar to the order, on the trading thread."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, FuturesContract
    from nautilus_trader.portfolio import Portfolio

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
def contribute_signals(
    bar: Bar, cache: Cache, history: History
) -> Signal | Iterable[Signal] | None:
    """Wish for a position (HUNTER).

    Called: at the close of every bar.
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
def veto_order(
    order: OrderRequest, instrument: FuturesContract, portfolio: Portfolio, cache: Cache,
    posture: Posture | None, rung: Rung, account: Account, history: History,
) -> Veto | None:  # fmt: skip
    """Refuse an order (GUARDIAN). Orders that only reduce the position are never put here.

    Called: before an order, or a modification that grows one, leaves a strategy.
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
