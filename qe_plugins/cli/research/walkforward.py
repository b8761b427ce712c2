"""`qe walkforward`: choose a variant on past months, judge it on the months after them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.cluster.options import engine_options
from qe_plugins.cli.output import echo, file_argument, json_option, print_json, print_rows
from qe_plugins.cli.progress import working
from qe_plugins.cli.research.sweep import (
    grid_option,
    processes_option,
    set_in_all_option,
    where_option,
)
from qe_plugins.cli.research.sweep_view import resuming, sweep_view

if TYPE_CHECKING:
    from qe_plugins.cluster.connection import Cluster
    from qe_plugins.research.sweep_runner import SweepResult
    from qe_plugins.research.walkforward.judgement import JudgedWalk

HEAD = ("train from", "judged from", "to", "#", "objective", "train P&L", "P&L", "rank")


@click.command()
@file_argument
@click.option(
    "--train",
    default="24M",
    metavar="MONTHS",
    show_default=True,
    help="Months to choose on, such as 24M or 2Y.",
)
@click.option(
    "--test",
    default="3M",
    metavar="MONTHS",
    show_default=True,
    help="Months after them to judge the choice on.",
)
@grid_option
@set_in_all_option
@where_option
@click.option(
    "--objective",
    type=click.Choice(("sharpe", "net_pnl")),
    default="sharpe",
    show_default=True,
    help="The figure by which a variant is chosen.",
)
@processes_option
@engine_options
@click.option("--resume", metavar="SWEEP", help="Reuse the variants of a sweep: `last`, or its id.")
@json_option
def walkforward(
    file: Path,
    train: str,
    test: str,
    grid: tuple[str, ...],
    overrides: tuple[str, ...],
    where: tuple[str, ...],
    objective: Any,
    workers: int | None,
    cluster: Cluster | None,
    resume: str | None,
    as_json: bool,
) -> None:
    """Judge the choice among the variants of a grid of FILE out of sample.

    Each variant runs once over the whole history. In each window the best variant of its training
    months is judged on the sessions of the months after them. A position that is open where a
    window begins counts from that session on. Every variant is recorded in the journal as a trial.
    """
    import os
    import sys

    with working("starting"):
        from qe_plugins.report import sweep_page
        from qe_plugins.report.sweep_job import measure_sessions
        from qe_plugins.research import sweep_request, sweep_runner
        from qe_plugins.research.grid import read_axes
        from qe_plugins.research.walkforward.judgement import check_windows, judge

        check_windows(file, overrides, train, test)
    choice = sweep_request.Choice(where=where, objective=objective, method="grid")
    axes = read_axes(grid)
    spec, place = sweep_request.request(file, overrides, axes, choice, resume=resume)
    with sweep_view(spec) as view:
        swept = sweep_runner.sweep(
            spec,
            place,
            measure_sessions,
            workers=workers or os.cpu_count() or 1,
            cluster=cluster,
            on_update=view.update,
            expect=view.expect,
            say=lambda notice: echo(notice, err=True),
        )
    page = sweep_page.write(swept)["page"]
    choice_of = ("--train", train, "--test", test, "--objective", objective)
    again = resuming("walkforward", swept.spec, swept.folder, *choice_of)
    _print(swept, judge(swept, train, test, objective), page, again, as_json)
    if swept.failed:
        sys.exit(1)


def _print(swept: SweepResult, judged: JudgedWalk, page: str, again: str, as_json: bool) -> None:
    found = judged.walk
    if as_json:
        document = {
            "sweep": swept.spec.sweep,
            "verdict": judged.verdict,
            "positive": found.positive,
            "chosen": judged.chosen,
            "page": page,
            "failed": swept.failed,
            "walk": found,
        }
        print_json(document)
        return
    rows = [
        (
            one.train_from,
            one.test_from,
            one.test_to,
            number,
            f"{one.objective:,.3f}",
            f"{one.train_pnl:,.2f}",
            f"{one.test_pnl:,.2f}",
            f"{one.rank}/{found.variants}",
        )
        for one, number in zip(found.windows, judged.numbers, strict=True)
    ]
    print_rows(HEAD, rows)
    settings = dict(zip(judged.numbers, judged.chosen, strict=True))
    for number in sorted(settings):
        words = ", ".join(f"{key}={value}" for key, value in settings[number].items())
        echo(f"# {number}: {words}")
    echo(
        f"P&L of the choices {found.test_pnl:,.2f} {judged.currency} in {found.sessions:,} sessions"
    )
    if found.efficiency is not None:
        echo(f"efficiency {found.efficiency:.0%}: P&L a session judged, over that of training")
    if found.deflated is not None:
        echo(
            f"best variant of the whole history: Sharpe {found.deflated.sharpe:.3f} a session, the "
            f"best of {found.variants} without skill {found.deflated.expected_best:.3f}, "
            f"deflated {found.deflated.probability:.0%}"
        )
    if found.overfitting is not None:
        echo(f"probability of overfitting {found.overfitting:.0%}")
    if swept.failed:
        echo(f"{swept.failed} variants failed and were not chosen from")
    echo(judged.verdict)
    echo(f"map of the variants  {page}")
    echo(f"resume or extend it with: {again}")
