"""`qe options import`: read files of option quotes into the store of chains."""

from __future__ import annotations

from pathlib import Path

import click

from qe_plugins.cli.output import counted, echo
from qe_plugins.cli.progress import working


@click.command(name="import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--root", default="ES", show_default=True, help="Root of the underlying futures.")
def import_(folder: Path, root: str) -> None:
    """Read option quotes of FOLDER into the store under QE_HOME.

    FOLDER has Databento files (definitions with bbo-1m quotes of options, and quotes or bars of the
    futures) or LEAN's minute data. A day that is stored already is replaced.
    """
    from qe_plugins.data.options.store import read_source, store

    with working("importing quotes"):
        data = read_source(folder, root)
        where = store(data)
    days = f"{data.days[0]} to {data.days[-1]}" if data.days else "no day"
    echo(
        f"{counted(len(data.contracts), 'contract')}, {counted(data.quotes.height, 'quote')} and "
        f"{counted(data.futures.height, 'price')} of futures, {days} (UTC)."
    )
    for name, reason in data.refused.items():
        echo(f"refused: {name}: {reason}")
    echo(f"In {where}")
