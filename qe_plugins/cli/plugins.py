"""`qe plugins`: what is installed, what a configuration makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from qe_plugins.cli.output import echo, json_option, print_json, print_rows
from qe_plugins.errors import did_you_mean
from qe_plugins.safe_text import shown

if TYPE_CHECKING:
    from qe_plugins.plugins import Available


class PluginRow(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin as `qe plugins` shows it. `order` is its place in the asking, None if inactive."""

    name: str
    order: int | None
    role: str | None
    hooks: tuple[str, ...]
    source: str | None
    error: str | None


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Say which of them FILE activates.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@click.option("--load", is_flag=True, help="Import them all, to see which of them fail.")
@json_option
def plugins(config: Path | None, overrides: tuple[str, ...], load: bool, as_json: bool) -> None:
    """List every plugin, active ones first, importing only those.

    A plugin is active where a configuration names it, and is asked in the order written there. A
    plugin that fails is listed with its error.
    """
    if overrides and config is None:
        raise click.UsageError("--set overrides a setting of a file. Name it with --config.")
    rows = _rows(_asked(config, overrides), load)
    if as_json:
        print_json(rows)
    else:
        _print(rows)


def _asked(config: Path | None, overrides: Sequence[str]) -> dict[str, str]:
    """Return the names that the configuration activates, in order, each with its place in it."""
    from qe_plugins.config.loader import load

    if config is None:
        return {}
    loaded = load(config, overrides)
    return {name: loaded.where("plugins", name) for name in loaded.config.plugins}


def _rows(asked: dict[str, str], load: bool) -> list[PluginRow]:
    from qe_plugins.plugins import available, listed

    found = available() if load else listed(asked)
    active = [
        _row(found[name], order) if name in found else _unknown(name, order, where, found)
        for order, (name, where) in enumerate(asked.items(), start=1)
    ]
    return [*active, *(_row(plugin, None) for name, plugin in found.items() if name not in asked)]


def _row(plugin: Available, order: int | None) -> PluginRow:
    return PluginRow(
        name=plugin.name,
        order=order,
        role=plugin.role,
        hooks=plugin.hooks,
        source=plugin.source,
        error=plugin.error,
    )


def _unknown(name: str, order: int, where: str, known: Iterable[str]) -> PluginRow:
    error = f"{where}: no plugin is called '{name}'."
    if hint := did_you_mean(name, known):
        error = f"{error} {hint}"
    return PluginRow(name=name, order=order, role=None, hooks=(), source=None, error=error)


def _print(rows: Sequence[PluginRow]) -> None:
    if not rows:
        echo("no plugins. `qe new agent NAME --role GUARDIAN` writes one.")
        return
    print_rows(
        ("asked", "plugin", "role", "hooks", "source"),
        [(r.order, r.name, r.role, " ".join(r.hooks) or None, r.source) for r in rows],
    )
    for row in rows:
        if row.error:
            click.secho(shown(f"{row.name} fails: {row.error}"), fg="red")
