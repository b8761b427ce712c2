"""Everything a run needs, opened, loaded and checked before an engine is built."""

from __future__ import annotations

from dataclasses import dataclass

from qe_plugins import manager
from qe_plugins.config.load import Loaded
from qe_plugins.config.schema import Contract
from qe_plugins.config.strategies import entries
from qe_plugins.data.tape import Tape, open_tape
from qe_plugins.engine.components import Component, components
from qe_plugins.engine.instruments import money_facts
from qe_plugins.engine.listings import Listings
from qe_plugins.engine.locate import KINDS
from qe_plugins.manager import Plugins
from qe_plugins.plugin import PluginConfig


@dataclass(frozen=True)
class Prepared:
    """A run that could start. `money` has the margins and fee of each root on the tape."""

    loaded: Loaded
    tape: Tape
    listings: Listings
    money: dict[str, Contract]
    components: list[Component]
    plugins: Plugins


def prepare(loaded: Loaded, plugins: Plugins | None = None) -> Prepared:
    """Open the tape, find every class, make every plugin. Raises QeError with the place.

    `plugins` stand in for those that the configuration names.
    """
    plugins = activated(loaded) if plugins is None else plugins
    parts = [part for section in KINDS for part in components(loaded, section)]
    tape = open_tape(loaded.config.data, lambda key: loaded.where("data", key))
    listings = Listings([str(contract.id) for contract in tape.contracts], tape.bar_types)
    for section in KINDS:
        for entry in entries(loaded, section):
            listings.check_settings(loaded, entry)
    return Prepared(loaded, tape, listings, money_facts(loaded, tape.contracts), parts, plugins)


def activated(loaded: Loaded) -> Plugins:
    """Make the plugins that a configuration names, with their settings, in its order."""
    wanted: list[tuple[str, PluginConfig | None]] = []
    for name in loaded.config.plugins:
        found = manager.find(name, where=loaded.where("plugins", name))
        assert found.cls is not None
        wanted.append((name, loaded.decode(found.cls.Config, "plugins", name)))
    return Plugins.activate(wanted)
