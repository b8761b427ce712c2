"""`qe lookahead`: test a configuration for look-ahead bias."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from qe_plugins.cli.output import file_argument, json_option, print_json, set_option


@click.command()
@file_argument
@set_option
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Number of moments at which the data is truncated; one run each.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random moments.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Number of worker processes.  [default: one per processor]",
)
@json_option
def lookahead(
    file: Path,
    overrides: tuple[str, ...],
    samples: int,
    seed: int,
    workers: int | None,
    as_json: bool,
) -> None:
    """Test FILE for look-ahead bias on truncated data.

    FILE runs on the whole data, then on copies, and the decisions are compared. A copy is truncated
    right after sampled decisions. Signals, sizes, orders with all fields, changes, cancels and
    vetoes up to each cut must be the same. Each difference is one line with the plugin or strategy,
    the bar and its time; the exit code is then 1. No run folder and no journal is written.
    """
    import os
    import sys

    from qe_plugins.research.lookahead.analysis import analyse
    from qe_plugins.research.lookahead.messages import document, lines

    with _progress(file.stem) as progress:
        found = analyse(
            str(file),
            overrides,
            samples=samples,
            seed=seed,
            workers=workers or os.cpu_count() or 1,
            progress=progress,
        )
    if as_json:
        print_json(document(found))
    else:
        click.echo("\n".join(lines(found)))
    if not found.passed:
        sys.exit(1)


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar if standard error is a terminal; yield its update function."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
