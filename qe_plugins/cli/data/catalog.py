"""`qe data catalog`: the Parquet catalogs beside the files, and their rebuild."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import echo, json_option, print_json
from qe_plugins.cli.progress import working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qe_plugins.data.databento.catalog_builder import CatalogSummary


MANY = 6


@click.command()
@click.option("--rebuild", is_flag=True, help="Rebuild them from the files.")
@json_option
def catalog(rebuild: bool, as_json: bool) -> None:
    """Show or rebuild the Parquet catalogs.

    A catalog holds contracts, bars and final settlements. It is a cache, rebuilt by get and import.
    """
    from qe_plugins.data.databento.catalog_stamp import FOLDER
    from qe_plugins.data.databento.manifest import manifest_stores

    if rebuild:
        with working("building catalogs"):
            rebuilt = [_rebuild_locked(store.manifest.dataset) for store in manifest_stores()]
        built = [one for one in rebuilt if one]
        if as_json:
            print_json(built)
        else:
            print_built(built)
        return
    folders = [
        str(store.folder / FOLDER)
        for store in manifest_stores()
        if (store.folder / FOLDER).is_dir()
    ]
    if as_json:
        print_json(folders)
    else:
        echo("\n".join(folders) or "There is no catalog yet.")


def _rebuild_locked(dataset: str) -> CatalogSummary | None:
    from qe_plugins.data.databento import catalog_builder
    from qe_plugins.data.databento.manifest import locked

    with locked(dataset) as store:
        return catalog_builder.rebuild(store)


def print_built(catalogs: Sequence[CatalogSummary]) -> None:
    """Print the catalogs that were built, what was left out, and how to trade on them."""
    if not catalogs:
        echo("No catalog to trade on: it needs bars (ohlcv-...) and definitions.")
    for one in catalogs:
        settled = f", {one.settlements} of them with a final settlement" * bool(one.settlements)
        echo(f"catalog: {one.bars:,} bars of {one.contracts} contracts{settled} in {one.folder}")
        for text in one.refused[:MANY]:
            echo(f"refused: {text}")
        if len(one.refused) > MANY:
            echo(f"refused: {len(one.refused) - MANY} more; 'qe data contracts' shows all")
        if one.undefined:
            echo(f"left out, without a definition: {', '.join(one.undefined)}")
        echo(f"trade on it: qe backtest FILE --set data.catalog={one.folder}")
