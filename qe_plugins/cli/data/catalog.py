"""`qe data catalog`: the Parquet catalogs beside the files, which can be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import echo, json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qe_plugins.data.databento.catalog_builder import CatalogSummary


MANY = 6


@click.command()
@click.option("--rebuild", "anew", is_flag=True, help="Make it again from the files.")
@json_option
def catalog(anew: bool, as_json: bool) -> None:
    """Show the Parquet catalogs beside the files, or make them again with --rebuild.

    A catalog holds contracts, bars and final settlements, is a cache, and is written anew by get
    and import.
    """
    from qe_plugins.data.databento.catalog_stamp import FOLDER
    from qe_plugins.data.databento.manifest import manifest_stores

    if anew:
        built = [one for store in manifest_stores() if (one := _rebuilt(store.manifest.dataset))]
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


def _rebuilt(dataset: str) -> CatalogSummary | None:
    from qe_plugins.data.databento.catalog_builder import rebuild
    from qe_plugins.data.databento.manifest import locked

    with locked(dataset) as store:
        return rebuild(store)


def print_built(catalogs: Sequence[CatalogSummary]) -> None:
    """Print what was made, what was left out, and how to trade on it."""
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
            echo(f"left out, of which there is no definition: {', '.join(one.undefined)}")
        echo(f"trade on it: qe backtest FILE --set data.catalog={one.folder}")
