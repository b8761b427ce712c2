"""`qe data`: buy, check and understand futures data."""

from __future__ import annotations

import click

from qe_plugins.cli import LazyGroup

COMMANDS: dict[str, str] = {
    "estimate": "qe_plugins.cli.data_vendor:estimate",
    "get": "qe_plugins.cli.data_vendor:get",
    "symbols": "qe_plugins.cli.data_market:symbols",
    "contracts": "qe_plugins.cli.data_market:contracts",
    "calendar": "qe_plugins.cli.data_calendar:calendar",
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def data() -> None:
    """Buy, check and understand futures data."""
