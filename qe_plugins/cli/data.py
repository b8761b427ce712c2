"""`qe data`: buy, check and understand futures data."""

from __future__ import annotations

import click

from qe_plugins.cli import LazyGroup

COMMANDS: dict[str, str] = {}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def data() -> None:
    """Buy, check and understand futures data."""
