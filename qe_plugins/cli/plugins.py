"""`qe plugins`: available plugins, and which of them a configuration activates."""

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
    """One row of `qe plugins`. `order` is the calling order, None if the plugin is inactive."""

    name: str
    order: int | None
    role: str | None
    hooks: tuple[str, ...]
    source: str | None
    error: str | None


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Show what FILE activates.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value of FILE."
)
@click.option("--load", is_flag=True, help="Import all plugins, to find those that fail.")
@json_option
def plugins(config: Path | None, overrides: tuple[str, ...], load: bool, as_json: bool) -> None:
    """List all plugins, active ones first; only those are imported.

    A plugin is active if a configuration names it; plugins are called in the order written there.
    A plugin that cannot be loaded is listed with its error.
    """
    if overrides and config is None:
        raise click.UsageError("--set overrides a value of a file. Name the file with --config.")
    rows = _plugin_rows(_active_names(config, overrides), load)
    if as_json:
        print_json(rows)
    else:
        _print_plugins(rows)


def _active_names(config: Path | None, overrides: Sequence[str]) -> dict[str, str]:
    """Return the active plugins in order, each with its location in the configuration."""
    from qe_plugins.config.loader import load

    if config is None:
        return {}
    loaded = load(config, overrides)
    return {name: loaded.where("plugins", name) for name in loaded.config.plugins}


def _plugin_rows(active_names: dict[str, str], load: bool) -> list[PluginRow]:
    from qe_plugins.plugins import available, listed

    found = available() if load else listed(active_names)
    active = [
        _plugin_row(found[name], order)
        if name in found
        else _unknown_row(name, order, where, found)
        for order, (name, where) in enumerate(active_names.items(), start=1)
    ]
    others = [plugin for name, plugin in found.items() if name not in active_names]
    return [*active, *(_plugin_row(plugin, None) for plugin in others)]


def _plugin_row(plugin: Available, order: int | None) -> PluginRow:
    return PluginRow(
        name=plugin.name,
        order=order,
        role=plugin.role,
        hooks=plugin.hooks,
        source=plugin.source,
        error=plugin.error,
    )


def _unknown_row(name: str, order: int, where: str, known: Iterable[str]) -> PluginRow:
    error = f"{where}: no plugin is called '{name}'."
    if hint := did_you_mean(name, known):
        error = f"{error} {hint}"
    return PluginRow(name=name, order=order, role=None, hooks=(), source=None, error=error)


def _print_plugins(rows: Sequence[PluginRow]) -> None:
    if not rows:
        echo("no plugins. `qe new agent NAME --role GUARDIAN` writes one.")
        return
    print_rows(
        ("order", "plugin", "role", "hooks", "source"),
        [(r.order, r.name, r.role, " ".join(r.hooks) or None, r.source) for r in rows],
    )
    for row in rows:
        if row.error:
            click.secho(shown(f"{row.name} fails: {row.error}"), fg="red")
