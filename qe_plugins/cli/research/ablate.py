"""`qe ablate`: does a recorded fleet earn its cost, and could this comparison have seen it?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.output import echo, json_option, print_json, print_rows, set_option
from qe_plugins.cli.research.sweep_view import sweep_view

if TYPE_CHECKING:
    from qe_plugins.research.ablation.arms_table import AblationResult

HEAD = ("arm", "trades", "net P&L", "model cost", "to rotated", "95%", "p", "to none", "visible")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@set_option
@click.option("--workers", type=click.IntRange(1), help="Number of worker processes.")
@click.option(
    "--rotations",
    type=click.IntRange(0),
    default=4,
    show_default=True,
    help="Further rotations of the votes; the control is the mean of all.",
)
@json_option
def ablate(
    file: Path, overrides: tuple[str, ...], workers: int | None, rotations: int, as_json: bool
) -> None:
    """Run FILE, which replays a recording, with its votes kept, rotated, mixed and turned round.

    Each arm is a run in a worker process and a trial in the journal. The arm `full` is compared
    with its own votes moved by whole sessions, session by session.
    """
    from qe_plugins.config.loader import load
    from qe_plugins.research.ablation import arms_table

    loaded = load(file, overrides)
    recording = arms_table.recording_of(loaded)
    arms = _swept(file, overrides, "arms", (arms_table.axis(recording),), workers)
    turned = ()
    if rotations:
        axes = arms_table.rotation_axes(rotations)
        turned = _swept(file, overrides, "rotations", axes, workers).results
    found = arms_table.table(recording, arms.results, turned, float(loaded.config.rung.risk))
    page = _write_page(arms.folder, found)
    if as_json:
        print_json({**_document(found), "folder": str(arms.folder), "page": str(page)})
    else:
        _print(found, page)


def _swept(
    file: Path, overrides: tuple[str, ...], what: str, axes: tuple[Any, ...], workers: int | None
) -> Any:
    from datetime import UTC, datetime

    from qe_plugins.config.loader import load
    from qe_plugins.journal.facts import run_id_of
    from qe_plugins.report.sweep_job import measure_sessions
    from qe_plugins.research import sweep_runner, sweep_store

    name = f"ablate {what} {load(file, overrides).config.name}"  # no sweep of that configuration
    sweep_id = run_id_of(datetime.now(UTC), name)
    spec = sweep_store.SweepSpec(
        sweep=sweep_id, name=name, config=str(file), overrides=overrides, axes=axes
    )
    place = sweep_store.folder(sweep_id)
    count = workers or os.cpu_count() or 1
    with sweep_view(spec) as view:
        return sweep_runner.sweep(
            spec,
            place,
            measure_sessions,
            workers=count,
            on_update=view.update,
            expect=view.expect,
        )


def _write_page(folder: Path, found: AblationResult) -> Path:
    from qe_plugins.report import ablation_page

    page = folder / "ablation.html"
    part = page.with_suffix(".part")
    part.write_text(ablation_page.render(found), encoding="utf-8")
    os.replace(part, page)
    return page


def _document(found: AblationResult) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(found)
    return {**document, "sentence": found.verdict.headline}


def _print(found: AblationResult, page: Path) -> None:
    rows = [
        (
            str(row.arm),
            row.trades,
            f"{row.net_pnl:,.2f}",
            f"{row.model_cost:,.2f}",
            f"{row.to_rotated.difference:+,.2f}",
            f"{row.to_rotated.low:+,.2f} to {row.to_rotated.high:+,.2f}",
            f"{row.to_rotated.p:.3f}",
            f"{row.to_none.difference:+,.2f}",
            f"{row.to_rotated.visible:,.2f}",
        )
        for row in found.rows
    ]
    print_rows(HEAD, rows)
    echo(f"differences are {found.currency} a session; p-values are adjusted for the arms (Holm)")
    echo(found.verdict.headline)
    echo(f"page  {page}")
