"""`qe runs`, `qe report`, `qe compare`: read stored runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.completed_names import runs as stored_runs
from qe_plugins.cli.output import echo, json_option, print_json

if TYPE_CHECKING:
    from qe_plugins.journal.facts import OpenRun


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def runs(ctx: click.Context, as_json: bool) -> None:
    """List all runs, newest first, with those that have no end yet: running, or died."""
    from qe_plugins.report import run_index, terminal

    if ctx.invoked_subcommand is not None:
        return
    found = run_index.with_open(_open_runs())
    if as_json:
        print_json(found)
    elif found:
        _print_tables(terminal.runs(found))
    else:
        echo("no run yet: start one with `qe backtest FILE`")


@runs.command()
@click.argument("names", nargs=-1, required=True, shell_complete=stored_runs)
def remove(names: tuple[str, ...]) -> None:
    """Remove the folders of runs NAMES (ids or prefixes). The journal keeps their facts.

    A run that died has no folder: its end is written to the journal, after its last fact, and it
    is listed no more. Until then the next session of its id continues it.
    """
    from qe_plugins.report import run_folder, run_index

    died = {run.run_id: run for run in _open_runs()}
    places = [name if name in died else run_index.find(name) for name in names]
    for place in places:  # all exist, or none is removed
        if isinstance(place, str):
            _close(place)
        else:
            run_index.remove(str(place), run_folder.FILES)
            click.echo(f"removed: {place}")


def _open_runs() -> list[OpenRun]:
    """Return the open runs of the journal; none, with a warning, where it cannot be read."""
    from qe_plugins.journal import file_state

    if file_state.has_no_open_runs():
        return []
    from qe_plugins.errors import JournalError
    from qe_plugins.journal.store import Journal

    if not Journal.exists():
        return []
    try:
        with Journal.open() as journal:
            return journal.open_runs()
    except JournalError as error:
        click.echo(f"open runs are not listed: {error}", err=True)
        return []


def _close(run_id: str) -> None:
    from qe_plugins.journal.store import Journal

    with Journal.open() as journal:
        content = journal.close_run(run_id)
    echo(f"ended in the journal: {run_id}, facts {content[:12]}")


@click.command()
@click.argument("run", default="last", shell_complete=stored_runs)
@click.argument("day", required=False)
@click.option("--open", "show", is_flag=True, help="Open the report in the browser.")
@click.option("--trade", metavar="TRADE", help="Show one trade: fills, rolls, margin and costs.")
@click.option("--of", metavar="RUN", help="With `day`: only this run, also of a backtest.")
@click.option(
    "--send",
    metavar="FILE",
    help="With `day`: send it by the `alarms:` of FILE too.",
)
@json_option
def report(
    run: str,
    day: str | None,
    show: bool,
    trade: str | None,
    of: str | None,
    send: str | None,
    as_json: bool,
) -> None:
    """Show the figures of RUN and the path of its report; or, with `day`, the report of a DAY.

    RUN is "last", a run's id or a prefix of it, or its folder. TRADE is a trade's id, a prefix of
    it, its number, or "last". `qe report day [DAY]` is the morning page of the paper and live
    sessions of a trading day, from 17:00 Chicago of the day before to 17:00: DAY is a date, today
    (the default) or yesterday. It is written to `QE_HOME/reports`.
    """
    if run == "day":
        from qe_plugins.cli.day_report import show_day

        show_day(day, of, send, show=show, as_json=as_json)
        return
    if day is not None or of is not None or send is not None:
        raise click.UsageError("a day, --of and --send belong to `qe report day`.")
    from qe_plugins.report import run_folder, run_index, terminal

    place = run_index.find(run)
    if trade is not None:
        _print_trade(place, trade, as_json)
        return
    figures = {**run_index.figures(place), "run_dir": str(place)}
    if as_json:
        print_json(figures)
    else:
        with run_index.as_written(place):
            _print_tables(terminal.table(figures), terminal.plugins(figures))
        echo(str(place / run_folder.PAGE))
    if show:
        click.launch((place / run_folder.PAGE).as_uri())


@click.command()
@click.argument("first", shell_complete=stored_runs)
@click.argument("second", shell_complete=stored_runs)
@json_option
def compare(first: str, second: str, as_json: bool) -> None:
    """Compare two runs: figures, fills and settings."""
    from qe_plugins.report import comparison, run_index, terminal

    found = comparison.compare(run_index.find(first), run_index.find(second))
    if as_json:
        print_json(found)
        return
    for name, run in zip(("first", "second"), found["runs"], strict=True):
        echo(f"{name:8}{run}")
    echo("the fills are identical\n" if found["same_fills"] else "the fills differ\n")
    _print_tables(terminal.differences(found), terminal.settings(found))


def _print_trade(place: Path, text: str, as_json: bool) -> None:
    from qe_plugins.cli import trade_view
    from qe_plugins.report.trade_report import describe_trade

    found = describe_trade(place, text)
    if as_json:
        print_json(found)
    else:
        trade_view.show(found)


def _print_tables(*tables: Any) -> None:
    """Print tables with an empty line after each; None is skipped."""
    from rich.console import Console

    console = Console()
    for table in tables:
        if table is not None:
            console.print(table)
            console.print()
