"""`qe fleet scans|show|costs`: what scans said, down to one answer, and what they cost."""

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
    found = [_scan(one, store.find(one)[1], spent.get(one)) for one in store.scans()]
    if as_json:
        print_json(found)
    elif found:
        rows = [tuple(row.values()) for row in map(_for_a_person, found)]
        print_rows(tuple(found[0]), rows)
    else:
        echo("no scan yet: make one with `qe fleet scan configs/fleet/team.yaml`")


@click.command()
@click.argument("scan", default="last")
@click.argument("node", default="desk")
@json_option
def show(scan: str, node: str, as_json: bool) -> None:
    """Show NODE of SCAN: its answer, those under it, its exact request.

    NODE is desk, 2 (a coordinator), 2.4 (its fourth captain), ... down to 2.4.1.37, a worker.
    """
    from qe_plugins.fleet.scan import lifecycle
    from qe_plugins.fleet.scan.inspect import node_view

    found = node_view(lifecycle.reopen(scan), node)
    if as_json:
        print_json(found)
    else:
        _print(found)


@click.command()
@click.option(
    "--by",
    type=click.Choice(["rank", "model", "role", "scan", "day"]),
    default="scan",
    show_default=True,
    help="What to add up by.",
)
@click.option("--scan", help="Only this scan: last, its id, or a part of it.")
@json_option
def costs(by: str, scan: str | None, as_json: bool) -> None:
    """Show what calls cost. A call that was sent and never settled is in doubt, at worst case."""
    from qe_plugins.fleet.scan import store
    from qe_plugins.llm.ledger import Ledger

    with Ledger() as ledger:
        found = ledger.costs(by, store.find(scan)[0] if scan else None)
    if as_json:
        print_json(found)
        return
    if not found:
        echo("no call yet: `qe fleet scan configs/fleet/team.yaml` makes some")
        return
    if len(found) > 1:
        found = [*found, _all(found)]
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
    help="What the calls in doubt did cost: their worst case, or nothing.",
)
def settle(scan: str, how: str) -> None:
    """Settle the calls of SCAN that are in doubt, as the provider's own bill shows.

    They were sent, and their process ended before the answer came, or their usage could not be
    believed. Only the bill tells: no provider of the price list can be asked about a past call
    whose answer it does not store. At nothing, the budgets of the day, the scan and its ranks have
    their money back.
    """
    from qe_plugins.fleet.scan import in_doubt

    scan_id, found = in_doubt.settle(scan, nothing=how == "nothing")
    calls = counted(found.calls, "call")
    echo(f"{scan_id}: {calls} in doubt settled at {dollars(found.usd)}")


def _tokens(row: CostRow) -> tuple[int, int, int]:
    return row.usage.input, row.usage.cached, row.usage.output


def _all(rows: list[CostRow]) -> CostRow:
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


def _scan(scan_id: str, folder: ScanFolder, spent: Decimal | None) -> dict[str, Any]:
    """Return a row of the list; `spent` is what the ledger says that the scan cost so far."""
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


def _for_a_person(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its parts as percent and its amounts in hundredths of a cent."""
    read = dict(row)
    if read.get("coverage") is not None:
        read["coverage"] = f"{read['coverage']:.1%}"
    if read.get("usd") is not None:
        read["usd"] = round(read["usd"], 4)
    return read


def _print(found: dict[str, Any]) -> None:
    echo(f"{found['rank'].value} {found['node']} ({found['role']}) of {found['scan_id']}")
    for line in _lines(found):
        echo(line)
    if found["children"]:
        echo()
        children = map(_for_a_person, found["children"])
        print_rows(SCORES, [tuple(child[name] for name in SCORES) for child in children])
    if request := found["request"]:
        asked = f"{request.model}, for a {request.schema_name} in {request.max_tokens} tokens"
        echo(f"\nrequest {found['key']} to {asked}\n")
        echo(f"{request.system}\n\n{request.prompt}")


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if task := found["task"]:
        yield f"task      {task['id']}"
    if answer := found["answer"]:
        yield f"answer    {answer.score:+.3f}, confidence {answer.confidence:.2f}"
        yield f"          {answer.reason}"
    if whole := found["aggregate"]:
        yield f"aggregate {whole.score:+.3f}, spread {whole.spread:.3f}"
        yield (
            f"coverage  {whole.answered:,} of {whole.expected:,}, conflict {whole.conflict:.2f}, "
            f"worth {whole.effective:.1f} votes"
        )
        for one in whole.candidates:
            yield f"          {one.target}: {one.score:+.3f}, {counted(one.votes, 'vote')}"
    for what in ("missing", "failure"):
        if found[what]:
            yield f"{what:10}{found[what]}"
    if settled := found["settled"]:
        if settled.detail:
            yield f"because   {settled.detail}"
        calls = counted(settled.attempts, "call")
        yield f"cost      {dollars(settled.usd)}, {calls}, {settled.model}"
