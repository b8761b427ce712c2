"""Print a live session: what begins, then a line a decision, and the account once an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qe_plugins.cli.live.session_screen import decision, moment, position, profit
from qe_plugins.cli.output import echo

if TYPE_CHECKING:
    from qe_plugins.engine.broker.preparation import PreparedLive
    from qe_plugins.engine.live.view import SessionView

HOUR = 3_600_000_000_000


class LiveScreen:
    """Lines on standard error: a live session runs for days, mostly as a service."""

    def __init__(self) -> None:
        self._hour = -1

    def begin(self, live: PreparedLive, run_id: str) -> None:
        """Print the account, the contracts and the limits."""
        ib, rung = live.settings.ib, live.loaded.config.rung
        kind = "paper account" if live.is_paper else "REAL MONEY, account"
        kind = "simulated fills, data of account" if live.sandbox else kind
        names = ", ".join(f"{one.long_id} ({one.broker_name})" for one in live.contracts)
        session = "paper" if live.sandbox else "live"
        echo(f"{live.loaded.config.name}: {session} session {run_id}", err=True)
        echo(
            f"{kind} {ib.account} at {ib.host}:{ib.port}, {names}, "
            f"at most {rung.risk} {rung.currency} a trade, {rung.max_contracts} contract(s)",
            err=True,
        )

    def show(self, view: SessionView) -> None:
        """Print the new decisions, and the account once an hour."""
        for one in view.new:
            echo(decision(one), err=True)
        if (hour := view.ts // HOUR) != self._hour:
            self._hour = hour
            echo(f"{moment(view.ts)}  {position(view)}; {profit(view)}", err=True)
