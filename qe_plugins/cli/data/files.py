"""`qe data list|import|remove`: the files on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.data.catalog import print_built
from qe_plugins.cli.output import echo, json_option, print_json, print_rows
from qe_plugins.cli.progress import working

if TYPE_CHECKING:
    from qe_plugins.data.databento.manifest import FileEntry, ManifestStore


@click.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List files with their days, rows and cost."""
    from qe_plugins.data.databento.budget import usd
    from qe_plugins.data.databento.manifest import manifest_stores

    stores = manifest_stores()
    if as_json:
        print_json([_dataset_document(store) for store in stores])
        return
    if not stores:
        echo("Nothing was bought or imported yet.")
    for store in stores:
        echo(f"{store.manifest.dataset} in {store.folder}, {usd(store.spent)} spent so far")
        head = ("file", "from", "until", "rows", "bytes", "dollars", "degraded days", "source")
        print_rows(head, [_file_row(entry) for _, entry in sorted(store.manifest.files.items())])


@click.command(name="import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--mapping", type=click.Path(path_type=Path), help="How to read CSV or Parquet bars.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the catalog of such bars.")
@json_option
def import_(path: Path, mapping: Path | None, out: Path | None, as_json: bool) -> None:
    """Import your own files at PATH.

    Without --mapping they are Databento's .dbn or .dbn.zst: checked, hashed, and a catalog is built
    from them. With it they are bars in CSV or Parquet; configs/README.md describes the mapping.
    """
    if mapping is not None:
        _import_bars(path, mapping, out, as_json)
        return
    if out is not None:
        raise click.UsageError("--out needs --mapping.")
    from qe_plugins.data.databento.importer import import_path

    with working(f"importing {path.name}"):
        imported = import_path(path)
    if as_json:
        print_json(imported)
        return
    for one in imported.files:
        echo(f"{one.file}: {'' if one.new else 'is here already: '}{one.path}")
    print_built(imported.catalogs)


def _import_bars(path: Path, mapping: Path, out: Path | None, as_json: bool) -> None:
    from qe_plugins.data.bar_files.importer import import_bars
    from qe_plugins.data.bar_files.mapping import read_mapping

    with working(f"importing {path.name}"):
        imported = import_bars(path, read_mapping(mapping), out)
    if as_json:
        print_json(imported)
        return
    for name, bars in imported.contracts.items():
        echo(f"{name}: {bars:,} bar{'' if bars == 1 else 's'} of {imported.bars}")
    for one in imported.present:
        echo(str(one))
        if one.missing_in_words:
            echo(f"  missing: {one.missing_in_words}")
    echo(f"catalog {imported.catalog}")
    echo(f"use it with 'data: {{catalog: {imported.catalog}, bars: {imported.bars}}}'")


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--paid", is_flag=True, help="Remove files that were paid for, too.")
@json_option
def remove(names: tuple[str, ...], paid: bool, as_json: bool) -> None:
    """Remove files or generated catalogs.

    NAMES are those in `qe data list`, or the folders of generated catalogs. The catalog is rebuilt
    without them first. The amount spent stays in the list.
    """
    from qe_plugins.data.databento.remove import remove_data

    with working("building catalogs again"):
        removed = remove_data(names, paid=paid)
    if as_json:
        print_json(removed)
        return
    for name in removed.files:
        echo(f"removed: {name}")
    if removed.catalogs:
        print_built(removed.catalogs)


def _dataset_document(store: ManifestStore) -> dict[str, Any]:
    return {
        "dataset": store.manifest.dataset,
        "folder": str(store.folder),
        "spent": store.spent,
        "files": [entry for _, entry in sorted(store.manifest.files.items())],
    }


def _file_row(entry: FileEntry) -> tuple[object, ...]:
    dollars = "-" if entry.dollars is None else f"{entry.dollars:.4f}"
    doubtful = ", ".join(f"{day} {what}" for day, what in sorted(entry.conditions.items()))
    return (
        entry.path,
        str(entry.start),
        str(entry.end),
        entry.rows,
        entry.size,
        dollars,
        doubtful or "-",
        entry.source,
    )
