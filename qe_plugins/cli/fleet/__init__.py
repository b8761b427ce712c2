"""`qe fleet`: plan, run and inspect scans, and show their costs.

One module per command or group of commands; `scan.py` runs them here, `temporal.py` on a cluster.
Each imports its part of `qe_plugins.fleet` when called, so that `qe --help` stays fast. Nothing
imports these modules.
"""

from __future__ import annotations

import click

from qe_plugins.cli import LazyGroup

COMMANDS = {
    "plan": "qe_plugins.cli.fleet.plan:plan",
    "scan": "qe_plugins.cli.fleet.scan:scan",
    "run": "qe_plugins.cli.fleet.run:run",
    "resume": "qe_plugins.cli.fleet.scan:resume",
    "record": "qe_plugins.cli.fleet.record:record",
    "leaks": "qe_plugins.cli.fleet.measure:leaks",
    "votes": "qe_plugins.cli.fleet.measure:votes",
    "hunt": "qe_plugins.cli.fleet.hunt:hunt",
    "validate": "qe_plugins.cli.fleet.validate:validate",
    "review": "qe_plugins.cli.fleet.review:review",
    "report": "qe_plugins.cli.fleet.report:report",
    "guard": "qe_plugins.cli.fleet.guard:guard",
    "worker": "qe_plugins.cli.cluster.worker:worker",
    "replay": "qe_plugins.cli.fleet.scan:replay",
    "scans": "qe_plugins.cli.fleet.show:scans",
    "progress": "qe_plugins.cli.fleet.progress:progress",
    "show": "qe_plugins.cli.fleet.show:show",
    "costs": "qe_plugins.cli.fleet.show:costs",
    "settle": "qe_plugins.cli.fleet.show:settle",
    "bus": "qe_plugins.cli.fleet.bus:bus",
}

KEYED = {"scan", "run", "resume", "record", "worker"}
KEYED |= {"hunt", "guard", "review", "validate", "report"}


@click.group(cls=LazyGroup, lazy=COMMANDS, keyed=KEYED)
def fleet() -> None:
    """Ask a tree of models about the market, within a budget."""
