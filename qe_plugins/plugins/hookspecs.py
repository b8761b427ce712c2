"""Every hook, in the order of a trading day. `qe hooks` prints them.

A docstring says when the hook is called, on which thread, how answers combine, what an exception
means, and ends with an example that a test runs. An implementation names only what it uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.portfolio import Portfolio

    from qe_plugins.plugins.base import Account

hookspec = pluggy.HookspecMarker("qe")


@hookspec
def engine_started(cache: Cache, portfolio: Portfolio) -> None:
    """Look around once the engine is up and before the first bar.

    Called: once a run.
    Thread: trading.
    Answers: none.
    Exception: the run stops.

    Args:
        cache: instruments, bars, orders and positions, as Nautilus holds them.
        portfolio: balances, margins and profits, as Nautilus holds them.

    Example::

        class Inventory(Plugin):
            @hookimpl
            def engine_started(self, cache):
                self.contracts = [str(i.id) for i in cache.instruments()]
    """


@hookspec
def session_opened(session: str, account: Account, cache: Cache, portfolio: Portfolio) -> None:
    """Note how things stand as a trading session begins.

    Called: once the engine is up, and at 17:00 in Chicago on every evening before a weekday.
    Thread: trading.
    Answers: none.
    Exception: counted and journaled.

    Args:
        session: the session's date in Chicago, `YYYY-MM-DD`: the day it ends on.
        account: what the account is worth at this moment.
        cache: instruments, bars, orders and positions, as Nautilus holds them.
        portfolio: balances, margins and profits, as Nautilus holds them.

    Example::

        class Overnight(Plugin):
            @hookimpl
            def session_opened(self, session, cache):
                self.carried = [str(position.instrument_id) for position in cache.positions_open()]
    """


if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, FuturesContract
    from nautilus_trader.portfolio import Portfolio

    from qe_plugins.plugins.base import Account, History
    from qe_plugins.plugins.types import OrderRequest, Posture, Rung, Signal, Size, Veto


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


if TYPE_CHECKING:
    from qe_plugins.plugins.types import OrderRequest, Proposal, Review, Trade


@hookspec
def order_denied(order: OrderRequest, reason: str) -> None:
    """Hear that an order was denied, by a guardian or by the engine.

    Called: after the denial.
    Thread: observers.
    Answers: none.
    Exception: logged and journaled.

    Args:
        order: the order as plain data.
        reason: who denied it and why, as in the order's event.

    Example::

        class Complaints(Plugin):
            heard = ()

            @hookimpl
            def order_denied(self, order, reason):
                self.heard = [*self.heard, (order.client_order_id, reason)]
    """


@hookspec
def trade_closed(trade: Trade) -> Review | None:
    """Review a closed trade (ANALYST).

    Called: after a position went flat.
    Thread: observers.
    Answers: all are journaled.
    Exception: logged and journaled.

    Args:
        trade: the trade from flat to flat, with its costs and the signals that led to it.

    Example::

        class Verdict(Plugin):
            role = Role.ANALYST

            @hookimpl
            def trade_closed(self, trade):
                return Review(trade_id=trade.id, summary="won" if trade.pnl > 0 else "lost")
    """


@hookspec
def session_closed(session: str, trades: list[Trade]) -> Proposal | None:
    """Look back on a trading session (SYNTHESIS).

    Called: when the first bar after the maintenance break arrives, and at the end of the run.
    Thread: observers.
    Answers: all are journaled.
    Exception: logged and journaled.

    Args:
        session: the session's date in Chicago, `YYYY-MM-DD`.
        trades: the trades that closed in the session, oldest first.

    Example::

        class Loser(Plugin):
            role = Role.SYNTHESIS

            @hookimpl
            def session_closed(self, session, trades):
                if sum(t.pnl for t in trades) < 0:
                    return Proposal(title=f"stand aside after {session}", reason="a losing session")
    """


__all__ = [
    "engine_started",
    "session_opened",
    "contribute_signals",
    "resolve_signals",
    "size_order",
    "veto_order",
    "order_denied",
    "trade_closed",
    "session_closed",
]
