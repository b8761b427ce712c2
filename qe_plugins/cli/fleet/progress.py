"""`qe fleet progress`: a scan as it stands, also while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import dollars, echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.fleet.scan.progress import ScanNow


@click.command()
@click.argument("scan", default="last")
@json_option
def progress(scan: str, as_json: bool) -> None:
    """Show how far SCAN is: the state of each worker, cost, and calls in flight.

    A worker answered long, short or silent (neither side), failed, was asked, or is waiting.
    """
    from qe_plugins.fleet.scan import store
    from qe_plugins.fleet.scan.progress import progress as read_progress
    from qe_plugins.llm.ledger import Ledger

    scan_id, folder = store.find(scan)
    with Ledger() as ledger:
        found = read_progress(scan_id, folder, ledger)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: ScanNow) -> None:
    from qe_plugins.fleet.scan.progress import WorkerState, counts_of

    echo(f"scan      {found.scan_id}, {found.state}, {found.nodes:,} nodes")
    counts = ", ".join(f"{count:,} {state}" for state, count in found.counts.items())
    echo(f"workers   {counts}, {found.coverage:.1%} answered")
    doubt = f", {dollars(found.in_doubt)} in doubt" if found.in_doubt else ""
    echo(f"calls     {found.asked:,} asked, {found.in_flight:,} in flight")
    echo(f"cost      {dollars(found.usd)}{doubt}")
    rows = []
    for part in found.coordinators:
        states = counts_of(tuple(one for strip in part.strips for one in strip.workers))
        rows.append(
            [part.node, part.role, part.score, *(states.get(state, 0) for state in WorkerState)]
        )
    print_rows(("node", "role", "score", *WorkerState), rows)
