"""Hooks as a run and a session begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.portfolio import Portfolio

    from qe_plugins.views import Account

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
