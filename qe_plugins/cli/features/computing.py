"""`qe features compute`: a store of features, by root, timeframe and month."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.cluster.options import engine_options
from qe_plugins.cli.features.bars import named, tape_and_settings
from qe_plugins.cli.output import echo
from qe_plugins.cli.progress import progress, working

if TYPE_CHECKING:
    from qe_plugins.cluster.connection import Cluster


@click.command()
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--columns",
    multiple=True,
    metavar="NAME",
    help="A feature or a pattern such as 1m.*. Repeatable.  [default: all 1,291]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the store, or an s3:// URL.  [default: features/NAME in the state folder]",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of worker processes.",
)
@engine_options
def compute(
    config: Path,
    columns: tuple[str, ...],
    out: Path | None,
    workers: int,
    cluster: Cluster | None,
) -> None:
    """Compute features of the data of CONFIG into Parquet files.

    Files of an earlier computation with the same data, catalogue and formulas are used again, so
    that one that was stopped continues.
    """
    from qe_plugins.features.store import compute_store
    from qe_plugins.features.store_folder import StoreFolder
    from qe_plugins.features.store_jobs import on_cluster
    from qe_plugins.state_dir import check_writable, state_dir

    names = named(columns, not columns)
    folder = StoreFolder(out or state_dir() / "features" / config.stem)
    if folder.url is None:
        check_writable(folder.path)
    with working("reading bars"):
        tape, data = tape_and_settings(config)
    elsewhere = on_cluster(cluster, data, folder, echo) if cluster is not None else None
    with progress("features", "files") as advance:
        manifest = compute_store(
            str(folder), names, tape.bars, tape.contracts, workers, echo, elsewhere, advance
        )
    rows = sum(part.rows for part in manifest.files.values())
    echo(f"{rows:,} rows in {len(manifest.files)} files below {folder}")
