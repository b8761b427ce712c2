"""Hooks after the fact, on the observers' thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from qe_plugins.decisions import (
        OrderRequest,
        Proposal,
        Review,
        Trade,
    )

hookspec = pluggy.HookspecMarker("qe")


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
