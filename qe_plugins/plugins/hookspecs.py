"""Every hook, in the order of a trading day. `qe hooks` prints them.

Those that are called outside a run are specified in `hookspecs_outside_runs.py` and listed here.

A docstring states when the hook is called, on which thread, how answers combine, what an exception
does, and ends with an example that a test runs. An implementation names only what it uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from qe_plugins.plugins.hookspecs_outside_runs import dashboard_panels, register_providers

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, FuturesContract
    from nautilus_trader.portfolio import Portfolio

    from qe_plugins.plugins.base import Account, Features, History
    from qe_plugins.plugins.types import Family, OrderRequest, Posture, Proposal, Review
    from qe_plugins.plugins.types import Rung, Signal, Size, Trade, Veto  # isort: skip

hookspec = pluggy.HookspecMarker("qe")


@hookspec
def register_features() -> Iterable[Family] | None:
    """Register families of features of your own.

    Called: before a run that names the plugin, and by `qe features`.
    Thread: main.
    Answers: families by name; a name registered twice, or of the catalogue, is an error.
    Exception: the run does not start.

    A family is a feature of every timeframe: `squeeze` is read as `1m.squeeze` or `1h.squeeze`. Its
    function takes bars as NumPy columns and returns one number for each. In a run it gets its
    lookback of bars and no others, so that it sees neither the future nor the start of the data.
    `qe features check NAME` calls it on whole series and says where the numbers differ.

    Example::

        class Squeeze(Plugin):
            @hookimpl
            def register_features(self):
                meaning = "range of a bar over its close"
                return [Family(name="squeeze", function=self.squeeze, lookback=1, meaning=meaning)]

            def squeeze(self, bars):
                return (bars.high - bars.low) / bars.close
    """


@hookspec
def engine_started(cache: Cache, portfolio: Portfolio) -> None:
    """Inspect the run once the engine has started, before the first bar.

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
    """Record the state of the account as a trading session opens.

    Called: once the engine has started, and at 17:00 Chicago time before every weekday.
    Thread: trading.
    Answers: none.
    Exception: counted and journaled.

    Args:
        session: the session's date in Chicago, `YYYY-MM-DD`: the day on which it ends.
        account: the account's equity at this moment.
        cache: instruments, bars, orders and positions, as Nautilus holds them.
        portfolio: balances, margins and profits, as Nautilus holds them.

    Example::

        class Overnight(Plugin):
            @hookimpl
            def session_opened(self, session, cache):
                self.carried = [str(position.instrument_id) for position in cache.positions_open()]
    """


@hookspec
def contribute_signals(
    bar: Bar, cache: Cache, history: History, features: Features
) -> Signal | Iterable[Signal] | None:
    """Propose a position (HUNTER).

    Called: at the close of every bar; with a `trigger`, of those where it holds.
    Thread: trading.
    Answers: all are passed to `resolve_signals`.
    Exception: no signal from this plugin, counted and journaled.

    Args:
        bar: the bar that has just closed, of a dated contract.
        cache: instruments, earlier bars, orders and positions, as Nautilus holds them.
        history: the bars that have closed so far, as NumPy columns.
        features: the declared features of the bar's contract, this bar included.

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
    """Reduce the proposals for one instrument to one signal (ARBITER).

    Called: after a bar for which a hunter proposed at least one position in an instrument.
    Thread: trading.
    Answers: the first that is not None is published; the plugins after it are not called.
    Exception: no signal is published, journaled.

    Args:
        signals: at least one proposal, all for `instrument`, in call order.
        instrument: the contract of the proposals.
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
    signal: Signal,
    instrument: FuturesContract,
    portfolio: Portfolio,
    rung: Rung,
    features: Features,
) -> Size | None:
    """Return the number of contracts to trade for a signal (position sizing).

    Called: when a strategy calls `self.desk.size(signal)`.
    Thread: trading.
    Answers: the first that is not None, capped by the rung; the plugins after it are not called.
    Exception: no order, journaled. The same without any answer.

    Args:
        signal: the signal that the strategy is about to trade.
        instrument: the contract to trade; its multiplier is currency a point.
        portfolio: balances, margins and profits, as Nautilus holds them.
        rung: the limits of contracts and of risk on one trade.
        features: the declared features of the contract at its last bar.

    Example::

        class One(Plugin):
            @hookimpl
            def size_order(self, signal):
                return Size(1, "always one")
    """


@hookspec
def veto_order(
    order: OrderRequest, instrument: FuturesContract, portfolio: Portfolio, cache: Cache,
    posture: Posture | None, rung: Rung, account: Account, history: History, features: Features,
) -> Veto | None:  # fmt: skip
    """Veto an order (GUARDIAN). Not called for orders that only reduce the position.

    Called: before a strategy submits an order, or a modification that increases one.
    Thread: trading.
    Answers: one veto denies the order; every plugin is called and all vetoes are journaled.
    Exception: a veto. The same for an answer slower than `risk.veto_timeout`.

    Args:
        order: the order as plain data, with the net position and its worst case.
        instrument: the contract to trade.
        portfolio: balances, margins and profits, as Nautilus holds them.
        cache: instruments, bars, orders and positions, as Nautilus holds them.
        posture: the risk limits in force, None where no posture was set.
        rung: the limits of contracts and of risk on one trade.
        account: the account's equity at this moment.
        history: the bars that have closed so far, as NumPy columns.
        features: the declared features of the contract at its last bar.

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
    """Receive an order that was denied, by a guardian or by the engine.

    Called: after the denial.
    Thread: observers.
    Answers: none.
    Exception: logged and journaled.

    Args:
        order: the order as plain data.
        reason: the plugin or rule that denied it and why, as in the order's event.

    Example::

        class Complaints(Plugin):
            denied = ()

            @hookimpl
            def order_denied(self, order, reason):
                self.denied = [*self.denied, (order.client_order_id, reason)]
    """


@hookspec
def trade_closed(trade: Trade) -> Review | None:
    """Review a closed trade (ANALYST).

    Called: after a position went flat.
    Thread: observers.
    Answers: all are journaled.
    Exception: logged and journaled.

    Args:
        trade: the round trip from flat to flat, with its costs and the signals that led to it.

    Example::

        class Verdict(Plugin):
            role = Role.ANALYST

            @hookimpl
            def trade_closed(self, trade):
                return Review(trade_id=trade.id, summary="won" if trade.pnl > 0 else "lost")
    """


@hookspec
def session_closed(session: str, trades: list[Trade]) -> Proposal | None:
    """Review a trading session and propose changes (SYNTHESIS).

    Called: at the first bar after the maintenance break, and at the end of the run.
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


@hookspec
def rung_changed(before: Rung, after: Rung, reason: str) -> None:
    """Receive a change of the rung that a session trades on.

    Called: after the entries of the strategy were cancelled.
    Thread: observers.
    Answers: none.
    Exception: logged and journaled.

    Args:
        before: the limits until now.
        after: the limits from now on; no contract at all on the rung `backtest`.
        reason: the cause of the demotion.

    Example::

        class Demotions(Plugin):
            seen = ()

            @hookimpl
            def rung_changed(self, before, after, reason):
                self.seen = [*self.seen, (before.name, after.name, reason)]
    """


__all__ = [
    "register_features", "engine_started", "session_opened", "contribute_signals",
    "resolve_signals", "size_order", "veto_order", "order_denied", "trade_closed",
    "session_closed", "rung_changed", "register_providers", "dashboard_panels",
]  # fmt: skip
