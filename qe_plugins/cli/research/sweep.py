"""`qe sweep`: run every variant of a grid; write a table, a page and trials in the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.cluster.options import engine_options
from qe_plugins.cli.output import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from rich.table import Table

    from qe_plugins.cluster.connection import Cluster
    from qe_plugins.research.sweep_runner import SweepResult
    from qe_plugins.research.sweep_store import SweepSpec
    from qe_plugins.research.variants import Variant, VariantResult

MOST_ROWS = 15
FIGURES = ("net_pnl", "sharpe", "max_drawdown", "trades")

grid_option = click.option(
    "--grid",
    "grid",
    multiple=True,
    metavar="KEY=ONE,ANOTHER",
    help="An axis of the grid, such as strategies.ema_cross.fast=5,10,20. Repeatable.",
)
set_in_all_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a value of the file in every variant. Repeatable.",
)
processes_option = click.option(
    "--workers",
    type=click.IntRange(1),
    help="Number of worker processes.  [default: one per processor]",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@grid_option
@set_in_all_option
@processes_option
@engine_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The sweep's folder, or an s3:// URL to copy it to.  [default: QE_HOME/sweeps/...]",
)
@click.option(
    "--resume",
    metavar="SWEEP",
    help="Resume a sweep: `last`, its id or a prefix of it, or its folder.",
)
@json_option
def sweep(
    file: Path,
    grid: tuple[str, ...],
    overrides: tuple[str, ...],
    workers: int | None,
    cluster: Cluster | None,
    out: Path | None,
    resume: str | None,
    as_json: bool,
) -> None:
    """Run FILE for every combination of a grid.

    Variants run in processes here, or on a cluster with `--engine temporal`. A failed variant does
    not stop the others; the exit code is then 1. Every variant is recorded in the journal as a
    trial.
    """
    import os
    import sys

    from qe_plugins.journal.activity.report import reported
    from qe_plugins.report.sweep_job import measure
    from qe_plugins.research import sweep_runner, sweep_store

    spec, place = sweep_spec(file, grid, overrides, out, resume)
    try:
        with (
            reported("sweep", f"{spec.name}, {spec.sweep}") as report,
            live_view(spec) as on_update,
        ):
            swept = sweep_runner.sweep(
                spec,
                place,
                measure,
                workers=workers or os.cpu_count() or 1,
                cluster=cluster,
                on_update=on_update,
                say=lambda notice: echo(notice, err=True),
            )
            report.outcome = f"{len(swept.results)} variants, {swept.failed} failed"
    except KeyboardInterrupt:
        sweep_store.publish(place, out or resume)
        echo(f"resume it with: qe sweep {file} --resume {spec.sweep}", err=True)
        raise
    files = _write_results(swept)
    if url := sweep_store.publish(place, out or resume):
        echo(f"copied to {url}", err=True)
    if as_json:
        print_json(_sweep_document(swept) | files)
    else:
        _print_sweep(swept, files)
    if swept.failed:
        sys.exit(1)


def sweep_spec(
    file: Path,
    grid: tuple[str, ...],
    overrides: tuple[str, ...],
    out: Path | None,
    resume: str | None,
) -> tuple[SweepSpec, Path]:
    """Return the sweep and its folder; a resumed sweep keeps its id and grid."""
    from datetime import UTC, datetime

    from qe_plugins.config.loader import load
    from qe_plugins.errors import ConfigError
    from qe_plugins.journal.facts import run_id_of
    from qe_plugins.research import sweep_store
    from qe_plugins.research.grid import read_axes

    axes = read_axes(grid)
    place = sweep_store.find(resume) if resume else None
    before = sweep_store.read_spec(place) if place else None
    axes = axes or (before.axes if before else ())
    if not axes:
        hint = "Write --grid dotted.key=one,another, such as --grid rung.risk=25,50."
        raise ConfigError("a sweep needs a grid.", where="--grid", hint=hint)
    name = load(file, overrides).config.name
    sweep_id = before.sweep if before else run_id_of(datetime.now(UTC), f"sweep {name}")
    spec = sweep_store.SweepSpec(
        sweep=sweep_id, name=name, config=str(file), overrides=overrides, axes=axes
    )
    return spec, place or sweep_store.folder(sweep_id, out)


def _write_results(swept: SweepResult) -> dict[str, str]:
    import os

    from qe_plugins.report import sweep_page
    from qe_plugins.research import sweep_store

    table = sweep_store.write_table(swept.folder, swept.spec.axes, swept.results)
    page = swept.folder / sweep_store.PAGE
    part = page.with_suffix(".part")
    part.write_text(sweep_page.render(swept), encoding="utf-8")
    os.replace(part, page)
    return {"folder": str(swept.folder), "table": str(table), "page": str(page)}


def _sweep_document(swept: SweepResult) -> dict[str, Any]:
    return {
        "sweep": swept.spec.sweep,
        "axes": {axis.key: list(axis.values) for axis in swept.spec.axes},
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


def _print_sweep(swept: SweepResult, files: dict[str, str]) -> None:
    from qe_plugins.report import sweep_page
    from qe_plugins.report.figures import formatting

    keys = [axis.key for axis in swept.spec.axes]
    head = ["#", *sweep_page.short(keys), *(formatting.label(name) for name in FIGURES), ""]
    print_rows(head, [[cell or "" for cell in _variant_cells(one, keys)] for one in swept.results])
    counts = [f"{len(swept.results)} variants"]
    counts += [f"{swept.found} reused"] if swept.found else []
    counts += [f"{swept.failed} failed"] if swept.failed else []
    echo(", ".join(counts))
    echo(f"table  {files['table']}\npage   {files['page']}")


def _variant_cells(result: VariantResult, keys: list[str]) -> list[str]:
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
def live_view(spec: SweepSpec) -> Iterator[Callable[[Variant, VariantResult | None], None]]:
    """Show variants and results if standard error is a terminal; yield the update function."""
    from math import prod

    from rich.console import Console
    from rich.live import Live

    total = prod(len(axis.values) for axis in spec.axes)
    rows: dict[int, tuple[Variant, VariantResult | None]] = {}
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda variant, result: None
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:

        def on_update(variant: Variant, result: VariantResult | None) -> None:
            rows.pop(variant.number, None)
            rows[variant.number] = (variant, result)
            live.update(_live_table(spec, rows, total))

        yield on_update


def _live_table(
    spec: SweepSpec, rows: dict[int, tuple[Variant, VariantResult | None]], total: int
) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from qe_plugins.report.sweep_page import short

    keys = [axis.key for axis in spec.axes]
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
            shown.add_row(*map(escape, _variant_cells(result, keys)))
    return shown
