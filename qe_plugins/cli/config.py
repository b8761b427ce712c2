"""`qe check`, `qe show`, `qe schema`: what would run, the resolved file, the JSON Schema."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.output import echo, file_argument, json_option, set_option
from qe_plugins.cli.progress import working
from qe_plugins.safe_text import json_shown, shown

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded


@click.command()
@file_argument
@set_option
@json_option
def check(file: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Build the run of FILE and print it, without running."""
    with working(f"checking {file.name}"):
        from qe_plugins.config.loader import load
        from qe_plugins.engine.running.describe import describe
        from qe_plugins.journal import file_state
        from qe_plugins.report import run_folder

        run_folder.check_out(None)
        loaded = load(file, overrides)
        if not file_state.takes_writes():
            from qe_plugins.journal.store import Journal

            Journal.check()
        if loaded.config.broker is None:
            rows = describe(loaded)
        else:
            from qe_plugins.engine.broker.describe import describe_live

            rows = describe_live(file, overrides)
    if as_json:
        would_run = [{"label": label, "value": value} for label, value in rows]
        _print_json({"name": loaded.config.name, "would_run": would_run, "ran": False})
    else:
        _print_description(loaded, rows)


@click.command()
@file_argument
@set_option
@json_option
def show(file: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print FILE resolved, with bases, overrides and defaults. Secrets stay ${NAME}."""
    from qe_plugins.config.loader import load
    from qe_plugins.config.yaml_reader import dump

    resolved = load(file, overrides).resolved
    if as_json:
        _print_json(resolved)
    else:
        echo(dump(resolved), nl=False)


FILES = {
    "fleet": "qe_plugins.fleet.settings:Fleet",
    "data": "qe_plugins.data.databento.request:DownloadRequest",
    "factors": "qe_plugins.research.factors.settings:FactorSettings",
    "ladder": "qe_plugins.ladder.rungs:LadderFile",
}
"""The files that are no run's, and the structs that they are decoded as."""


@click.command()
@click.argument("kind", default="run", type=click.Choice(("run", *FILES)))
def schema(kind: str) -> None:
    """Print the JSON Schema of a KIND of file, for editors.

    That of a run, which is also that of a live session, has the strategies and plugins that are
    installed here, and the settings of each plugin.
    """
    from qe_plugins.config.installed_schema import with_installed
    from qe_plugins.config.json_schema import editor_schema, schema_of

    if kind == "run":
        _print_json(with_installed(editor_schema()))
    else:
        module, _, name = FILES[kind].partition(":")
        _print_json(schema_of(getattr(import_module(module), name), f"qe {kind} file"))


def _print_json(document: Any) -> None:
    click.echo(json_shown(json.dumps(document, indent=2, ensure_ascii=False)))


def _print_description(loaded: Loaded, rows: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{loaded.config.name} would run", title_justify="left", show_header=False)
    for label, value in rows:
        table.add_row(Text(label), Text(shown(value)))
    Console().print(table)
    echo("Nothing was run.")
