"""`qe data`: buy, check and understand futures data."""

from __future__ import annotations

import click

from qe_plugins.cli import LazyGroup

COMMANDS: dict[str, str] = {
    "estimate": "qe_plugins.cli.data.download:estimate",
    "get": "qe_plugins.cli.data.download:get",
    "verify": "qe_plugins.cli.data.verify:verify",
    "list": "qe_plugins.cli.data.files:list_",
    "import": "qe_plugins.cli.data.files:import_",
    "remove": "qe_plugins.cli.data.files:remove",
    "catalog": "qe_plugins.cli.data.catalog:catalog",
    "symbols": "qe_plugins.cli.data.symbols:symbols",
    "contracts": "qe_plugins.cli.data.contracts:contracts",
    "calendar": "qe_plugins.cli.data.calendar:calendar",
    "rolls": "qe_plugins.cli.data.rolls:rolls",
    "continuous": "qe_plugins.cli.data.continuous:continuous",
    "synth": "qe_plugins.cli.data.synth:synth",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, keyed={"estimate", "get", "symbols"})
def data() -> None:
    """Buy, check and understand futures data."""
