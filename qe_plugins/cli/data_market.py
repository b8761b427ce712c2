"""`qe data symbols` and `qe data contracts`: what a symbol stands for, and what it is worth."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.listing import Day, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.data.definitions import Defined
    from qe_plugins.data.resolve import Span
    from qe_plugins.market.contracts import Contract

DBN = click.option(
    "--dbn",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A folder or file of Databento data.  [default: everything bought and imported]",
)


def places(dbn: tuple[Path, ...]) -> list[Path]:
    """Return where to look: what `--dbn` names, else the data folder. Raises DataError for none."""
    from qe_plugins import home
    from qe_plugins.errors import DataError

    if dbn:
        return list(dbn)
    if home.data_dir().is_dir():
        return [home.data_dir()]
    raise DataError(
        "there is no data yet.",
        where=str(home.data_dir()),
        hint="Buy some with 'qe data get', bring your own with 'qe data import', or name --dbn.",
    )


@click.command()
@click.argument("symbol")
@click.option("--start", type=Day(), required=True, help="The first day, UTC.")
@click.option("--end", type=Day(), required=True, help="The day after the last, UTC.")
@click.option("--dataset", default="GLBX.MDP3", show_default=True, help="The vendor's dataset.")
@click.option("--gateway", help="Another address of the vendor, as `databento.gateway` gives it.")
@json_option
def symbols(
    symbol: str, start: date, end: date, dataset: str, gateway: str | None, as_json: bool
) -> None:
    """Show the dated contracts that SYMBOL stands for: ES.FUT, ES.v.0, ESZ4, an id."""
    from qe_plugins.data.databento import resolver
    from qe_plugins.data.resolve import contract_spans
    from qe_plugins.data.symbology import feed_symbol

    meant = feed_symbol(symbol)
    if start >= end:
        raise click.BadParameter(f"must be before --end, was {start} and {end}", param_hint="start")
    spans = contract_spans(resolver(dataset, gateway), meant, start, end)
    rows = [_span(span) for span in spans]
    if as_json:
        print_json(
            {"symbol": symbol, "stype_in": meant.stype_in, "start": start, "end": end}
            | {"contracts": rows}
        )
        return
    click.echo(f"{symbol} ({meant.stype_in}) from {start} to {end}, end exclusive, UTC days")
    print_rows(("contract", "feed", "from", "to"), [list(row.values()) for row in rows])


def _span(span: Span) -> dict[str, object]:
    from qe_plugins.data.symbology import instrument_id
    from qe_plugins.market.terms import markets

    terms = markets().roots.get(span.key.root)
    name = instrument_id(span.key, terms.exchange) if terms else span.key.name
    return {"id": name, "raw": span.key.raw, "start": span.start, "end": span.end}


@click.command()
@click.argument("roots", nargs=-1)
@DBN
@json_option
def contracts(roots: tuple[str, ...], dbn: tuple[Path, ...], as_json: bool) -> None:
    """Show tick, multiplier and expiry from definitions, checked against configs/markets.yaml.

    A contract whose definition says otherwise is refused, with both figures.
    """
    from qe_plugins.data.definitions import definition_files, read_definitions
    from qe_plugins.errors import DataError

    defined = read_definitions(definition_files(places(dbn)), roots)
    if not defined.contracts and not defined.refused:
        raise DataError("no definitions of these roots.", where=" ".join(roots))
    if as_json:
        print_json(defined)
    else:
        _print_contracts(defined)
    if defined.refused:
        first, *others = defined.refused
        more = f", and {len(others)} more" if others else ""
        raise DataError(f"refused: {first}{more}.", hint="Prices and profits would be wrong.")


def _print_contracts(defined: Defined) -> None:
    futures = [one for one in defined.contracts if one.kind == "future"]
    rows = [
        (one.id, one.raw, one.tick, one.multiplier, _tick_value(one), one.expiry, one.definitions)
        for one in futures
    ]
    if rows:
        head = ("contract", "feed", "tick", "multiplier", "tick value", "expiry UTC", "sent")
        print_rows(head, rows)
    others: dict[tuple[str, str], list[Contract]] = {}
    for one in defined.contracts:
        if one.kind != "future":
            others.setdefault((one.root, one.kind), []).append(one)
    for (root, kind), listed in others.items():
        click.echo(f"{root}: {len(listed):,} {kind}s, {', '.join(_ticks(listed))}")


def _tick_value(contract: Contract) -> object:
    if contract.tick is None or contract.multiplier is None:
        return None
    return f"{contract.tick * contract.multiplier:f}".rstrip("0").rstrip(".")


def _ticks(listed: list[Contract]) -> list[str]:
    """Return each distinct tick and multiplier of contracts in words."""
    said = dict.fromkeys((o.tick, o.tick_limit, o.tick_above, o.multiplier) for o in listed)
    return [
        f"tick {tick if tick is not None else 'not stated'}"
        + (f" up to {limit}, then {above}" if limit is not None else "")
        + (f", multiplier {multiplier}" if multiplier is not None else "")
        for tick, limit, above, multiplier in said
    ]
