"""Every hook, in the order of a trading day. `qe hooks` prints this page.

A docstring says when the hook is called, on which thread, how answers combine, what an exception
means, and ends with an example that a test runs. An implementation names only what it uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, FuturesContract
    from nautilus_trader.portfolio import Portfolio

    from qe_plugins.decisions import (
        OrderRequest,
        Posture,
        Proposal,
        Review,
        Rung,
        Signal,
        Size,
        Trade,
        Veto,
    )

hookspec = pluggy.HookspecMarker("qe")


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add commands to `qe`.

    Called: once, when `qe` starts, for installed plugins; thread: main; answers: all;
    an exception means: stop.

    Example::

        class Hello(Plugin):
            @hookimpl
            def register_commands(self, cli):
                cli.add_command(click.Command("hello", callback=lambda: print("hello")))
    """


@hookspec
def engine_started(cache: Cache, portfolio: Portfolio) -> None:
    """Look around once the engine is up and before the first bar.

    Called: once a run, on the trading thread; answers: none; an exception means: stop.

    Example::

        class Inventory(Plugin):
            @hookimpl
            def engine_started(self, cache):
                self.contracts = [str(i.id) for i in cache.instruments()]
    """


@hookspec
def contribute_signals(bar: Bar, cache: Cache) -> Signal | Iterable[Signal] | None:
    """Wish for a position.

    Called: at the close of every bar, on the trading thread; answers: all are put to
    `resolve_signals`; an exception means: no signal from this plugin, counted and journaled.

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
    """Make one signal of many (ARBITER). All `signals` are for `instrument`, in call order.

    Called: when a bar brought at least one signal, on the trading thread; answers: the first that
    is not None; an exception means: stay flat (no signal is published), journaled.

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

    Called: when a strategy asks `self.desk.size(signal)`, on the trading thread; answers: the first
    that is not None, capped by the rung; an exception or no answer means: no order, journaled.

    Example::

        class One(Plugin):
            @hookimpl
            def size_order(self, signal):
                return Size(1, "always one")
    """


@hookspec
def veto_order(
    order: OrderRequest,
    instrument: FuturesContract,
    portfolio: Portfolio,
    cache: Cache,
    posture: Posture | None,
    rung: Rung,
) -> Veto | None:
    """Refuse an order (GUARDIAN). Orders that only reduce the position are never put here.

    Called: before an order, or a modification that grows one, leaves a strategy, on the trading
    thread; answers: one veto denies, all are journaled; an exception or a slow answer means: veto.

    Example::

        class SmallOnly(Plugin):
            role = Role.GUARDIAN

            @hookimpl
            def veto_order(self, order):
                if order.quantity > 1:
                    return Veto(f"one contract at a time, was {order.quantity}")
    """


@hookspec
def order_denied(order: OrderRequest, reason: str) -> None:
    """Hear that an order was denied, by a guardian or by the engine.

    Called: after the denial, on the observers' thread; answers: none; an exception means: logged
    and journaled.

    Example::

        class Complaints(Plugin):
            def __init__(self, config=None):
                super().__init__(config)
                self.heard = []

            @hookimpl
            def order_denied(self, order, reason):
                self.heard.append((order.client_order_id, reason))
    """


@hookspec
def trade_closed(trade: Trade) -> Review | None:
    """Review a closed trade (ANALYST).

    Called: after a position went flat, on the observers' thread; answers: all are journaled;
    an exception means: logged and journaled.

    Example::

        class Verdict(Plugin):
            role = Role.ANALYST

            @hookimpl
            def trade_closed(self, trade):
                return Review(trade_id=trade.id, summary="won" if trade.pnl > 0 else "lost")
    """


@hookspec
def session_closed(session: str, trades: list[Trade]) -> Proposal | None:
    """Look back on a trading session; `session` is its date, `YYYY-MM-DD`, in Chicago.

    Called: when the first bar after the maintenance break arrives and at the end of the run, on
    the observers' thread; answers: all are journaled; an exception means: logged and journaled.

    Example::

        class Loser(Plugin):
            role = Role.SYNTHESIS

            @hookimpl
            def session_closed(self, session, trades):
                if sum(t.pnl for t in trades) < 0:
                    return Proposal(title=f"stand aside after {session}", reason="a losing session")
    """
