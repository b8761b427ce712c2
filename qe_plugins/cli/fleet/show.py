"""`qe fleet scans|show|costs|settle`: scans, single nodes, costs and calls in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.output import counted, dollars, echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.fleet.scan.store import ScanFolder
    from qe_plugins.llm.ledger import CostRow

SCORES = ("node", "role", "target", "score", "confidence", "coverage", "missing")
COSTS = ("calls", "open", "usd", "in doubt", "tokens in", "cached", "out")


@click.command()
@json_option
def scans(as_json: bool) -> None:
    """List the scans, oldest first."""
    from qe_plugins.fleet.scan import store
    from qe_plugins.llm.ledger import Ledger

    with Ledger() as ledger:
        spent = {row.group: row.usd for row in ledger.costs("scan")}
    found = [_scan_row(one, store.find(one)[1], spent.get(one)) for one in store.scans()]
    if as_json:
        print_json(found)
    elif found:
        rows = [tuple(row.values()) for row in map(_readable, found)]
        print_rows(tuple(found[0]), rows)
    else:
        echo("no scan yet: run `qe fleet scan configs/fleet/team.yaml`")


@click.command()
@click.argument("scan", default="last")
@click.argument("node", default="desk")
@json_option
def show(scan: str, node: str, as_json: bool) -> None:
    """Show NODE of SCAN: its answer, its children, its exact request.

    NODE is desk, 2 (a coordinator), 2.4 (its fourth captain), ... down to 2.4.1.37, a worker.
    """
    from qe_plugins.fleet.scan import lifecycle
    from qe_plugins.fleet.scan.inspect import node_view

    found = node_view(lifecycle.reopen(scan), node)
    if as_json:
        print_json(found)
    else:
        _print_node(found)


@click.command()
@click.option(
    "--by",
    type=click.Choice(["rank", "model", "role", "scan", "day"]),
    default="scan",
    show_default=True,
    help="How to group the costs.",
)
@click.option("--scan", help="Only this scan: last, its id, or a part of it.")
@json_option
def costs(by: str, scan: str | None, as_json: bool) -> None:
    """Show the costs of calls. A call sent and never settled is in doubt, at its worst case."""
    from qe_plugins.fleet.scan import store
    from qe_plugins.llm.ledger import Ledger

    with Ledger() as ledger:
        found = ledger.costs(by, store.find(scan)[0] if scan else None)
    if as_json:
        print_json(found)
        return
    if not found:
        echo("no call yet: run `qe fleet scan configs/fleet/team.yaml`")
        return
    if len(found) > 1:
        found = [*found, _total(found)]
    rows = [
        [row.group, row.calls, row.open, round(row.usd, 4), round(row.in_doubt, 4), *_tokens(row)]
        for row in found
    ]
    print_rows((by, *COSTS), rows)


@click.command()
@click.argument("scan")
@click.option(
    "--as",
    "how",
    type=click.Choice(["worst", "nothing"]),
    required=True,
    help="The cost of the calls in doubt: their worst case, or nothing.",
)
def settle(scan: str, how: str) -> None:
    """Settle the calls of SCAN that are in doubt.

    A person does so by the provider's bill. They were sent, and their process ended before the
    answer, or their usage was implausible. Only the bill has their cost: no provider of the price
    list reports past calls. With `nothing`, the amounts return to the budgets of the day, the scan
    and its ranks.
    """
    from qe_plugins.fleet.scan import in_doubt

    scan_id, found = in_doubt.settle(scan, nothing=how == "nothing")
    calls = counted(found.calls, "call")
    echo(f"{scan_id}: {calls} in doubt settled at {dollars(found.usd)}")


def _tokens(row: CostRow) -> tuple[int, int, int]:
    return row.usage.input, row.usage.cached, row.usage.output


def _total(rows: list[CostRow]) -> CostRow:
    """Return the sum of rows."""
    from qe_plugins.llm.ledger import CostRow
    from qe_plugins.llm.requests import Usage

    return CostRow(
        group="all",
        calls=sum(row.calls for row in rows),
        open=sum(row.open for row in rows),
        usd=sum((row.usd for row in rows), Decimal(0)),
        in_doubt=sum((row.in_doubt for row in rows), Decimal(0)),
        usage=sum((row.usage for row in rows), Usage()),
    )


def _scan_row(scan_id: str, folder: ScanFolder, spent: Decimal | None) -> dict[str, Any]:
    """Return a row of the list; `spent` is the scan's cost so far in the ledger, in USD."""
    from qe_plugins.errors import FleetError

    try:
        result, state = folder.result(), "not finished"
    except FleetError:
        result, state = None, "cannot be read"
    return {
        "scan": scan_id,
        "nodes": result.nodes if result else None,
        "coverage": result.coverage if result else None,
        "paid": result.calls_paid if result else None,
        "usd": result.usd if result else spent,
        "seconds": result.seconds if result else None,
        "answer": result.answer_sha256[:12] if result else state,
    }


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with coverage in percent and USD in hundredths of a cent."""
    shown = dict(row)
    if shown.get("coverage") is not None:
        shown["coverage"] = f"{shown['coverage']:.1%}"
    if shown.get("usd") is not None:
        shown["usd"] = round(shown["usd"], 4)
    return shown


def _print_node(found: dict[str, Any]) -> None:
    echo(f"{found['rank'].value} {found['node']} ({found['role']}) of {found['scan_id']}")
    for line in _node_lines(found):
        echo(line)
    if found["children"]:
        echo()
        children = map(_readable, found["children"])
        print_rows(SCORES, [tuple(child[name] for name in SCORES) for child in children])
    if request := found["request"]:
        model = f"{request.model}, for a {request.schema_name} in {request.max_tokens} tokens"
        echo(f"\nrequest {found['key']} to {model}\n")
        echo(f"{request.system}\n\n{request.prompt}")


def _node_lines(found: dict[str, Any]) -> Iterator[str]:
    if task := found["task"]:
        yield f"task      {task['id']}"
    if answer := found["answer"]:
        yield f"answer    {answer.score:+.3f}, confidence {answer.confidence:.2f}"
        yield f"          {answer.reason}"
    if aggregate := found["aggregate"]:
        yield f"aggregate {aggregate.score:+.3f}, spread {aggregate.spread:.3f}"
        yield (
            f"coverage  {aggregate.answered:,} of {aggregate.expected:,}, "
            f"conflict {aggregate.conflict:.2f}, effective votes {aggregate.effective:.1f}"
        )
        for one in aggregate.candidates:
            yield f"          {one.target}: {one.score:+.3f}, {counted(one.votes, 'vote')}"
    for what in ("missing", "failure"):
        if found[what]:
            yield f"{what:10}{found[what]}"
    if settled := found["settled"]:
        if settled.detail:
            yield f"because   {settled.detail}"
        calls = counted(settled.attempts, "call")
        yield f"cost      {dollars(settled.usd)}, {calls}, {settled.model}"
