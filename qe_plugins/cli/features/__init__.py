"""`qe features`: list, explain, check and compute features.

`listing.py` has `list` and `show`, `checking.py` has `check`, `computing.py` has `compute`,
`parity.py` has `parity`. Options and JSON output stay, since scripts rely on them. The commands
only call `features/`, `research/parity/` and `report/`, and print; they import them when they run.
"""

from __future__ import annotations

import click

from qe_plugins.cli import LazyGroup

COMMANDS: dict[str, str] = {
    "list": "qe_plugins.cli.features.listing:list_",
    "show": "qe_plugins.cli.features.listing:show",
    "check": "qe_plugins.cli.features.checking:check",
    "compute": "qe_plugins.cli.features.computing:compute",
    "parity": "qe_plugins.cli.features.parity:parity",
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def features() -> None:
    """List, explain, check, compute and compare features of bars."""
