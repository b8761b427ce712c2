"""`qe desk`: a day's hunts, postures, reviews, parity and reports, unattended beside a session."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.fleet.plan import FILE, OVERRIDES, PROVIDER, load_fleet
from qe_plugins.cli.output import echo

if TYPE_CHECKING:
    from qe_plugins.fleet.loader import LoadedFleet


@click.command()
@FILE
@OVERRIDES
@PROVIDER
@click.option("--plan", "only_plan", is_flag=True, help="Print the coming day and its cost; end.")
def desk(config: Path, overrides: tuple[str, ...], provider: str | None, only_plan: bool) -> None:
    """Run CONFIG's desk until stopped, beside the session that its `desk:` section names.

    The session is a process of its own: it goes on when the desk is stopped or killed, and the same
    command takes it up again. No step that was paid for or acted on is repeated. The last line is
    the desk's state; each step that has ended is a line above it.
    """
    from qe_plugins.desk.running import RunningDesk
    from qe_plugins.fleet.rank_models import refuse_unusable_providers
    from qe_plugins.fleet.shutdown import on_signals
    from qe_plugins.journal.activity.report import reported

    loaded = load_fleet(config, overrides, provider)
    screen = StatusScreen()
    with on_signals() as stop:
        running = RunningDesk(loaded, stop, say=screen.status, note=screen.note)
        for line in cost_lines(loaded):
            echo(line, err=True)
        if only_plan:
            return
        refuse_unusable_providers(loaded.fleet)
        with reported("desk", f"{loaded.fleet.name}, {config}") as report:
            running.run()
            report.outcome = "stopped" if stop.requested else "the session has ended"
        screen.end()
        if stop.requested and running.session is not None and running.session.lives:
            echo("The session goes on; `qe status` shows it, the same command takes it up.")


def cost_lines(loaded: LoadedFleet) -> list[str]:
    """Return what a day of the desk costs, and the plan of the coming one."""
    from datetime import UTC

    from qe_plugins.desk.day_plan import plan_of
    from qe_plugins.fleet.scan import estimate
    from qe_plugins.market import sessions

    settings, scan = loaded.fleet.desk, estimate.plan(loaded.fleet)
    assert settings is not None  # the desk was built with it
    session = sessions.next_session(settings.root, datetime.now(UTC))
    day = plan_of(settings, loaded.fleet.schedule.every, session)
    count = len(day.hunts)
    limit = loaded.fleet.budgets.day
    most = "no limit a day" if limit is None else f"at most ${limit} a day"
    free = "; rules answer, it costs nothing" if loaded.fleet.provider == "offline" else ""
    roles = ", ".join(settings.roles)
    each = loaded.fleet.sessions.usd
    most_each = "" if each is None else f" of at most ${each}"
    besides = [f"on top, within the same limit: sessions{most_each} of {roles}"] if roles else []
    return [
        f"{loaded.fleet.name}: {count} hunts a session day of {settings.root}, {scan.calls} calls "
        f"each: ${count * scan.now:.2f} a day with its models, {most}{free}",
        *(besides if loaded.fleet.provider != "offline" else []),
        f"next session day {day.day}: {day.open:%Y-%m-%d %H:%M} to {day.close:%H:%M} UTC, "
        f"parity and report at {day.nightly:%H:%M} UTC",
    ]


class StatusScreen:
    """One line that is replaced on a terminal, with lines above it; elsewhere those lines alone."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._line = ""

    def status(self, line: str) -> None:
        """Show the desk's state in place of what was shown last."""
        if self._is_terminal and line != self._line:
            click.echo("\r\x1b[2K", nl=False, err=True)
            echo(line, nl=False, err=True)
        self._line = line

    def note(self, line: str) -> None:
        """Print a line about a step above the state."""
        if self._is_terminal:
            click.echo("\r\x1b[2K", nl=False, err=True)
        echo(line, err=True)
        if self._is_terminal and self._line:
            echo(self._line, nl=False, err=True)

    def end(self) -> None:
        """Leave the last state on a line of its own."""
        if self._line:
            echo("" if self._is_terminal else self._line, err=True)
