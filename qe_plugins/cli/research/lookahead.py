"""`qe lookahead`: test a configuration for look-ahead bias."""

from __future__ import annotations

from pathlib import Path

import click

from qe_plugins.cli.output import file_argument, json_option, print_json, set_option
from qe_plugins.cli.progress import progress, working


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

    with working("starting"):
        from qe_plugins.research.lookahead.analysis import analyse
        from qe_plugins.research.lookahead.messages import document, lines

    with progress(f"lookahead {file.stem}", "runs") as advance:
        found = analyse(
            str(file),
            overrides,
            samples=samples,
            seed=seed,
            workers=workers or os.cpu_count() or 1,
            progress=advance,
        )
    if as_json:
        print_json(document(found))
    else:
        click.echo("\n".join(lines(found)))
    if not found.passed:
        sys.exit(1)
