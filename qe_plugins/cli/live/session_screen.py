"""What `qe paper` shows while it runs: a screen on a terminal, otherwise a line a decision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.safe_text import shown

if TYPE_CHECKING:
    from rich.console import Console

    from qe_plugins.engine.live.session import Started
    from qe_plugins.engine.live.view import SessionEvent, SessionView

KINDS = {"signal": "cyan", "fill": "green", "veto": "yellow"}
"""The colour of each kind of decision."""


class Screen(Protocol):
    """Shows a session."""

    def begin(self, started: Started) -> None:
        """Show what begins."""

    def show(self, view: SessionView) -> None:
        """Show the session at a moment."""


@contextmanager
def open_screen() -> Iterator[Screen]:
    """Yield the screen for standard error: live on a terminal, lines elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines(console)
        return
    from rich.live import Live

    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield SessionPanel(live)


class Lines:
    """One line a decision, and one a day with the account."""

    def __init__(self, console: Console) -> None:
        self._console, self._day = console, ""

    def begin(self, started: Started) -> None:
        """Print what begins, in two lines."""
        self._print(heading(started))
        self._print(period(started))

    def show(self, view: SessionView) -> None:
        """Print the new decisions, and the account once a day."""
        if view.catching_up:
            return
        for one in view.new:
            self._print(decision(one))
        day = f"{exchange_time(view.ts):%Y-%m-%d}"
        if day != self._day:
            self._day = day
            self._print(f"{moment(view.ts)}  {position(view)}; {profit(view)}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class SessionPanel:
    """A screen that is drawn again with every view."""

    def __init__(self, live: Any) -> None:
        self._live, self._started = live, ""

    def begin(self, started: Started) -> None:
        """Keep what begins for the heading."""
        self._started = f"{heading(started)}\n{period(started)}"

    def show(self, view: SessionView) -> None:
        """Draw the session at a moment."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        rows = Table(box=None, show_header=False, pad_edge=False)
        rows.add_column(style="bold", no_wrap=True)
        rows.add_column()
        again = ", running again to where it died" if view.catching_up else ""
        rows.add_row("time", f"{moment(view.ts)}{again}")
        rows.add_row("position", position(view))
        rows.add_row("account", profit(view))
        rows.add_row("orders", f"{view.working} working")
        lines = [
            Text(decision(one), style=KINDS.get(one.kind, ""), no_wrap=True, overflow="ellipsis")
            for one in view.last
        ]
        hint = Text("Ctrl-C ends the session and writes its report.", style="dim")
        self._live.update(Group(Text(self._started), rows, *lines, hint))


def heading(started: Started) -> str:
    """Return the first line: the run's name, that it is a paper session, and its id."""
    return f"{started.name}: paper session {started.run_id}"


def period(started: Started) -> str:
    """Return the second line: the data, its period and the speed."""
    again = f"; continued, it runs again to {moment(started.reached)}" if started.reached else ""
    when = f"{moment(started.start)} to {moment(started.end)}"
    return f"{shown(started.label)}, {when}, {started.how}{again}"


def exchange_time(ts: int) -> datetime:
    """Return UTC nanoseconds as Chicago's time."""
    return datetime.fromtimestamp(ts // 10**9, UTC).astimezone(CHICAGO)


def moment(ts: int) -> str:
    """Return a moment as `Tue 2024-01-02 09:31:00 Chicago (15:31 UTC)`."""
    at = exchange_time(ts)
    return f"{at:%a %Y-%m-%d %H:%M:%S} Chicago ({at.astimezone(UTC):%H:%M} UTC)"


def position(view: SessionView) -> str:
    """Return the net contracts held, `flat` without any."""
    held = [f"{net:+f} {name}" for name, net in view.positions.items() if net]
    return ", ".join(held) or "flat"


def profit(view: SessionView) -> str:
    """Return what was earned after fees, what is open, and the equity."""
    opened = view.equity - view.starting - view.realised
    amounts = f"{money(view.realised)} realised, {money(opened)} open"
    return f"P&L {amounts}, equity {view.equity:,.2f} {view.currency}"


def money(amount: Decimal) -> str:
    """Return an amount with its sign and two decimals."""
    return f"{amount:+,.2f}"


def decision(one: SessionEvent) -> str:
    """Return a decision as one line: Chicago's time, kind and text."""
    return f"{exchange_time(one.ts):%m-%d %H:%M:%S}  {one.kind:<7} {shown(one.text)}"
