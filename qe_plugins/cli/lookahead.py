"""`qe lookahead`: whether a run decides by what it cannot know yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import json_option, print_json

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Write over the file, such as rung.risk=25. May be given more than once.",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many moments to cut the data at; each is one more run.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="The same seed draws the same moments."
)
@click.option(
    "--workers", type=click.IntRange(1), help="Processes.  [default: as many as processors]"
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
    """Run FILE, then again on data cut right after sampled decisions, and compare them.

    Signals, sizes, orders with all their fields, changes, cancels and vetoes up to each cut must be
    the same. One line for each difference names the plugin or strategy, the bar and its time; the
    exit code is then 1. Nothing is written: no run folder, no journal.
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
    """Show a bar on standard error, where that is a terminal, and yield what moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
