"""`qe data`: buy, check and understand futures data."""

from __future__ import annotations

import click

from qe_plugins.cli import LazyGroup

COMMANDS: dict[str, str] = {
    "estimate": "qe_plugins.cli.data_vendor:estimate",
    "get": "qe_plugins.cli.data_vendor:get",
    "verify": "qe_plugins.cli.data_verify:verify",
    "list": "qe_plugins.cli.data_files:list_",
    "import": "qe_plugins.cli.data_files:import_",
    "remove": "qe_plugins.cli.data_files:remove",
    "catalog": "qe_plugins.cli.data_catalog:catalog",
    "symbols": "qe_plugins.cli.data_market:symbols",
    "contracts": "qe_plugins.cli.data_contracts:contracts",
    "calendar": "qe_plugins.cli.data_calendar:calendar",
    "rolls": "qe_plugins.cli.data_rolls:rolls",
    "continuous": "qe_plugins.cli.data_continuous:continuous",
    "synth": "qe_plugins.cli.data_synth:synth",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, keyed={"estimate", "get", "symbols"})
def data() -> None:
    """Buy, check and understand futures data."""
