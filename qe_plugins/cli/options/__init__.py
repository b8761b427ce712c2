"""`qe options`: import chains, and look at one: quotes, volatilities, Greeks, surface.

`importing.py` has `import`, `chains.py` has `chain`, `surfaces.py` has `surface`, `risks.py` has
`risk`, `straddles.py` has `straddle`. Options and JSON output stay, since scripts rely on them. The
commands only call `options/` and `data/options/`, and print; they import them when they run.
"""

from __future__ import annotations

import click

from qe_plugins.cli import LazyGroup

COMMANDS: dict[str, str] = {
    "import": "qe_plugins.cli.options.importing:import_",
    "chain": "qe_plugins.cli.options.chains:chain",
    "surface": "qe_plugins.cli.options.surfaces:surface",
    "risk": "qe_plugins.cli.options.risks:risk",
    "straddle": "qe_plugins.cli.options.straddles:straddle",
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def options() -> None:
    """Chains of options on futures: quotes, implied volatilities, Greeks, surfaces."""
