"""`qe parity`: rerun a session as a backtest and list what differs, with the cause."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.output import echo, json_option, print_json
from qe_plugins.cli.progress import working

if TYPE_CHECKING:
    from qe_plugins.research.parity.outcome import Parity


@click.command()
@click.argument("run", default="last")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="CONFIG",
    help="Rerun with another configuration in place of the session's own.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a value of the configuration, such as rung.risk=25. Repeatable.",
)
@click.option(
    "--data",
    metavar="DATA",
    help="Rerun on other data and compare its bars: a folder of Databento files, a catalog, or "
    "`config` for the session's own.  [default: the bars that the session recorded]",
)
@json_option
def parity(
    run: str, against: Path | None, overrides: tuple[str, ...], data: str | None, as_json: bool
) -> None:
    """Rerun a paper or live session as a backtest, and list every difference with its cause.

    RUN is "last", a session's id or a prefix of it, or its folder. Signals, sizes, orders, vetoes,
    fills, trades and positions are compared; the backtest is under the halts and postures that the
    session was under. The exit code is 0 where nothing differs ("clean") and 1 otherwise. The
    result is recorded in the journal.
    """
    from qe_plugins.cli.live.paper import replayed
    from qe_plugins.report import run_index
    from qe_plugins.research.parity import messages
    from qe_plugins.research.parity.check import check_parity
    from qe_plugins.research.parity.outcome import record
    from qe_plugins.research.parity.recorded_session import find_session

    if (Path(run) / run_index.RESULT).is_file():
        run = run_index.figures(Path(run))["run_id"]
    session = find_session(run)
    replay = None if data is None else replayed(data)
    with working("running the session again"):
        found = check_parity(session, against=against, overrides=overrides, data=replay)
    found.parity_id = record(found, _version(against))
    if as_json:
        print_json(messages.document(found))
    else:
        _print(found)
    _settle(session.config, quiet=as_json)
    if not found.clean:
        sys.exit(1)


def _version(against: Path | None) -> dict[str, str]:
    """Return the version of a strategy on a ladder, which `qe ladder carry` asks for."""
    from qe_plugins.config.loader import load
    from qe_plugins.ladder.versions import version_of

    if against is None or (loaded := load(against)).config.ladder is None:
        return {}
    return {"ladder_version": version_of(loaded)}


def _settle(config: dict[str, Any], *, quiet: bool) -> None:
    """Demote the session's strategy where the check calls for it."""
    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.demotions import settle
    from qe_plugins.ladder.rungs import load_ladder

    settings = config.get("ladder")
    if not settings:
        return
    name = settings.get("name") or config["name"]
    with Journal.open() as journal:
        for made in settle(journal, load_ladder(settings["file"]), name)[1]:
            change = made.transition
            if not quiet:
                step = f"{change.before} -> {change.after}"
                echo(f"{name}: {change.event}, {step}: {change.because}")


def _print(found: Parity) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from qe_plugins.research.parity import messages
    from qe_plugins.safe_text import shown

    echo(messages.headline(found))
    console = Console()
    if found.causes:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("cause", "first difference", "then follow"):
            table.add_column(name, overflow="fold")
        for row in messages.rows(found):
            table.add_row(*(escape(shown(text)) for text in row))
        console.print(table)
    for note in messages.notes(found):
        echo(note)
    style = "bold green" if found.clean else "bold red"
    console.print(messages.verdict(found), style=style, markup=False, highlight=False)
