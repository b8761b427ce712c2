"""`qe sweep`: run every variant of a grid; leave a table, a map and each trial in the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.output import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from rich.table import Table

    from qe_plugins.research.sweep_runner import SweepResult
    from qe_plugins.research.sweep_store import SweepSpec
    from qe_plugins.research.variants import Variant, VariantResult

MOST_ROWS = 15
FIGURES = ("net_pnl", "sharpe", "max_drawdown", "trades")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--grid",
    "grid",
    multiple=True,
    metavar="KEY=ONE,ANOTHER",
    help="An axis, such as strategies.ema_cross.fast=5,10,20. May be given more than once.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Write over the file, in every variant. May be given more than once.",
)
@click.option(
    "--workers", type=click.IntRange(1), help="Processes.  [default: as many as processors]"
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The sweep's folder.  [default: QE_HOME/sweeps/...]",
)
@click.option(
    "--resume", metavar="SWEEP", help="Go on with a sweep: `last`, its id or the start, its folder."
)
@json_option
def sweep(
    file: Path,
    grid: tuple[str, ...],
    overrides: tuple[str, ...],
    workers: int | None,
    out: Path | None,
    resume: str | None,
    as_json: bool,
) -> None:
    """Run FILE once for every combination of the grid, in processes of their own.

    A variant that fails does not stop the rest; the exit code is then 1. Each variant tried is a
    trial in the journal.
    """
    import os
    import sys

    from qe_plugins.report.sweep_job import measure
    from qe_plugins.research import sweep_runner

    asked, place = _asked(file, grid, overrides, out, resume)
    try:
        with _live(asked) as heard:
            swept = sweep_runner.sweep(
                asked, place, measure, workers=workers or os.cpu_count() or 1, heard=heard
            )
    except KeyboardInterrupt:
        echo(f"go on with it: qe sweep {file} --resume {asked.sweep}", err=True)
        raise
    files = _written(swept)
    if as_json:
        print_json(_document(swept) | files)
    else:
        _print(swept, files)
    if swept.failed:
        sys.exit(1)


def _asked(
    file: Path,
    grid: tuple[str, ...],
    overrides: tuple[str, ...],
    out: Path | None,
    resume: str | None,
) -> tuple[SweepSpec, Path]:
    """Return what is asked and its folder; a sweep that is taken up keeps its id and its grid."""
    from datetime import UTC, datetime

    from qe_plugins.config.loader import load
    from qe_plugins.engine.running.backtest import run_id_of
    from qe_plugins.errors import ConfigError
    from qe_plugins.research import sweep_store
    from qe_plugins.research.grid import read_axes

    axes = read_axes(grid)
    place = sweep_store.find(resume) if resume else None
    before = sweep_store.read_asked(place) if place else None
    axes = axes or (before.axes if before else ())
    if not axes:
        hint = "Write --grid dotted.key=one,another, such as --grid rung.risk=25,50."
        raise ConfigError("a sweep needs a grid.", where="--grid", hint=hint)
    name = load(file, overrides).config.name
    sweep_id = before.sweep if before else run_id_of(datetime.now(UTC), f"sweep {name}")
    asked = sweep_store.SweepSpec(
        sweep=sweep_id, name=name, config=str(file), overrides=overrides, axes=axes
    )
    return asked, place or sweep_store.folder(sweep_id, out)


def _written(swept: SweepResult) -> dict[str, str]:
    import os

    from qe_plugins.report import sweep_page
    from qe_plugins.research import sweep_store

    table = sweep_store.write_table(swept.folder, swept.asked.axes, swept.results)
    page = swept.folder / sweep_store.PAGE
    part = page.with_suffix(".part")
    part.write_text(sweep_page.render(swept), encoding="utf-8")
    os.replace(part, page)
    return {"folder": str(swept.folder), "table": str(table), "page": str(page)}


def _document(swept: SweepResult) -> dict[str, Any]:
    return {
        "sweep": swept.asked.sweep,
        "axes": {axis.key: list(axis.values) for axis in swept.asked.axes},
        "variants": [
            {
                "number": one.variant.number,
                "settings": one.variant.settings,
                "state": str(one.state),
                "error": one.error,
                "figures": one.figures,
                "key": one.variant.key,
                "seconds": one.seconds,
            }
            for one in swept.results
        ],
        "failed": swept.failed,
        "found": swept.found,
        "journal_sha256": swept.journal_sha256,
    }


def _print(swept: SweepResult, files: dict[str, str]) -> None:
    from qe_plugins.report import sweep_page
    from qe_plugins.report.figures import formatting

    keys = [axis.key for axis in swept.asked.axes]
    head = ["#", *sweep_page.short(keys), *(formatting.label(name) for name in FIGURES), ""]
    print_rows(head, [[cell or "" for cell in _cells(one, keys)] for one in swept.results])
    told = [f"{len(swept.results)} variants"]
    told += [f"{swept.found} found again"] if swept.found else []
    told += [f"{swept.failed} failed"] if swept.failed else []
    echo(", ".join(told))
    echo(f"table  {files['table']}\npage   {files['page']}")


def _cells(result: VariantResult, keys: list[str]) -> list[str]:
    from qe_plugins.report.figures import formatting

    figures = result.figures
    return [
        str(result.variant.number),
        *(str(result.variant.settings[key]) for key in keys),
        *(
            formatting.format_value(name, figures[name]) if figures else formatting.UNKNOWN
            for name in FIGURES
        ),
        result.error or ("" if figures else str(result.state)),
    ]


@contextmanager
def _live(asked: SweepSpec) -> Iterator[Callable[[Variant, VariantResult | None], None]]:
    """Show what runs and what came of it on standard error, where that is a terminal."""
    from math import prod

    from rich.console import Console
    from rich.live import Live

    total = prod(len(axis.values) for axis in asked.axes)
    rows: dict[int, tuple[Variant, VariantResult | None]] = {}
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda variant, result: None
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:

        def heard(variant: Variant, result: VariantResult | None) -> None:
            rows.pop(variant.number, None)
            rows[variant.number] = (variant, result)
            live.update(_table(asked, rows, total))

        yield heard


def _table(
    asked: SweepSpec, rows: dict[int, tuple[Variant, VariantResult | None]], total: int
) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from qe_plugins.report.sweep_page import short

    keys = [axis.key for axis in asked.axes]
    done = sum(result is not None for _, result in rows.values())
    shown = Table(title=f"{done} of {total} variants", title_justify="left", box=None)
    for name in ("#", *short(keys), *FIGURES, ""):
        shown.add_column(name.replace("_", " "), no_wrap=True, overflow="ellipsis")
    running = [(one, None) for one, result in rows.values() if result is None]
    ended = [(one, result) for one, result in rows.values() if result is not None]
    for variant, result in [*ended[-MOST_ROWS:], *running]:
        if result is None:
            settings = [str(variant.settings[key]) for key in keys]
            shown.add_row(str(variant.number), *settings, *[""] * len(FIGURES), "running")
        else:
            shown.add_row(*map(escape, _cells(result, keys)))
    return shown
