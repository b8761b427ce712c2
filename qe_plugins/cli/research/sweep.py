"""`qe sweep`: run variants of a grid; write a table, a page and trials in the journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.cluster.options import engine_options
from qe_plugins.cli.output import counted, echo, json_option, print_json, print_rows
from qe_plugins.cli.progress import working
from qe_plugins.cli.research.sweep_view import figures_of, resuming, sweep_view, variant_cells

if TYPE_CHECKING:
    from qe_plugins.cluster.connection import Cluster
    from qe_plugins.research.sweep_runner import SweepResult

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


where_option = click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="A condition over settings, such as 'fast < slow': others are skipped. Repeatable.",
)
objective_option = click.option(
    "--objective",
    metavar="FIGURE",
    help="The figure by which variants are compared.  [default: sharpe, or the file's]",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@grid_option
@set_in_all_option
@where_option
@objective_option
@click.option(
    "--random",
    "sampled",
    type=click.IntRange(1),
    metavar="N",
    help="Run N points of the grid, drawn by --seed.",
)
@click.option(
    "--sampler",
    metavar="NAME",
    help="Let a sampler of Optuna choose points of the grid: tpe, cmaes or nsgaii.",
)
@click.option(
    "--trials", type=click.IntRange(1), metavar="N", help="Variants of --sampler.  [default: 50]"
)
@click.option(
    "--seed", type=click.IntRange(0), help="Seed of --random and --sampler.  [default: 1]"
)
@click.option(
    "--sort",
    "field",
    metavar="FIELD",
    help="Sort the table by a figure, best first, or by a setting.  [default: order of the sweep]",
)
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
    where: tuple[str, ...],
    objective: str | None,
    sampled: int | None,
    sampler: str | None,
    trials: int | None,
    seed: int | None,
    field: str | None,
    workers: int | None,
    cluster: Cluster | None,
    out: Path | None,
    resume: str | None,
    as_json: bool,
) -> None:
    """Run FILE for every combination of a grid, or for a sample of them.

    Variants run in processes here, or on a cluster with `--engine temporal`. A variant that breaks
    a constraint is skipped. A failed variant does not stop the others; the exit code is then 1.
    Every variant that ran is recorded in the journal as a trial. `sweep:` in FILE may have grid,
    where and objective.
    """
    import os
    import sys

    import msgspec

    with working("starting"):
        from qe_plugins.journal.activity.report import reported
        from qe_plugins.report import sweep_page
        from qe_plugins.report.sweep_job import measure
        from qe_plugins.research import objective as objectives
        from qe_plugins.research import sweep_request, sweep_runner, sweep_store
        from qe_plugins.research.grid import read_axes

    method = sweep_request.method_of(sampled, sampler, trials)
    choice = msgspec.structs.replace(method, where=where, objective=objective, seed=seed)
    axes = read_axes(grid)
    spec, place = sweep_request.request(file, overrides, axes, choice, out=out, resume=resume)
    if field is not None:
        objectives.ordered((), field, spec.axes, "--sort")  # refused before variants run
    try:
        with (
            reported("sweep", f"{spec.name}, {spec.sweep}") as report,
            sweep_view(spec) as view,
        ):
            swept = sweep_runner.sweep(
                spec,
                place,
                measure,
                workers=workers or os.cpu_count() or 1,
                cluster=cluster,
                on_update=view.update,
                expect=view.expect,
                say=lambda notice: echo(notice, err=True),
            )
            report.outcome = f"{len(swept.results)} variants, {swept.failed} failed"
    except KeyboardInterrupt:
        sweep_store.publish(place, out or resume)
        echo(f"resume it with: {resuming('sweep', spec, place)}", err=True)
        raise
    files = sweep_page.write(swept)
    if url := sweep_store.publish(place, out or resume):
        echo(f"copied to {url}", err=True)
    if field is not None:
        listed = objectives.ordered(swept.results, field, spec.axes, "--sort")
        swept = msgspec.structs.replace(swept, results=tuple(listed))
    if as_json:
        print_json(_sweep_document(swept) | files)
    else:
        _print_sweep(swept, files)
    if swept.failed:
        sys.exit(1)


def _sweep_document(swept: SweepResult) -> dict[str, Any]:
    return {
        "sweep": swept.spec.sweep,
        "axes": {axis.key: list(axis.values) for axis in swept.spec.axes},
        "method": swept.spec.method,
        "objective": swept.spec.objective,
        "best": swept.best.variant.number if swept.best else None,
        "skipped": swept.skipped,
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
    from qe_plugins.report.figures import formatting
    from qe_plugins.research.grid import short

    keys, shown = [axis.key for axis in swept.spec.axes], figures_of(swept.spec)
    head = ["#", *short(keys), *(formatting.label(name) for name in shown), ""]
    rows = [[cell or "" for cell in variant_cells(one, keys, shown)] for one in swept.results]
    print_rows(head, rows)
    counts = [counted(len(swept.results), "variant")]
    counts += [f"{swept.found} reused"] if swept.found else []
    counts += [f"{swept.failed} failed"] if swept.failed else []
    echo(", ".join(counts))
    for constraint, number in swept.skipped.items():
        echo(f"{number:,} skipped: not {constraint}")
    if swept.best is not None:
        echo(_best_line(swept))
    echo(f"table  {files['table']}\npage   {files['page']}")


def _best_line(swept: SweepResult) -> str:
    from qe_plugins.report.figures import formatting

    best, figure = swept.best, swept.spec.objective
    assert best is not None
    settings = ", ".join(f"{key}={value}" for key, value in best.variant.settings.items())
    value = formatting.format_value(figure, best.figures[figure])
    return f"best   # {best.variant.number}, {formatting.label(figure)} {value}: {settings}"
