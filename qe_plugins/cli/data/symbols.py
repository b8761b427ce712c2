"""`qe data symbols`: the contracts of a symbol; and the option `--dbn` of `qe data` commands."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import DateParam, echo, json_option, print_json, print_rows
from qe_plugins.safe_text import shown

if TYPE_CHECKING:
    from qe_plugins.data.symbology.resolver import SymbolSpan

DBN = click.option(
    "--dbn",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A folder or file of Databento data.  [default: everything bought and imported]",
)


def places(dbn: tuple[Path, ...]) -> list[Path]:
    """Return the paths of `--dbn`, else the data folder. Raises DataError where it is missing."""
    from qe_plugins import state_dir
    from qe_plugins.errors import DataError

    if dbn:
        return list(dbn)
    if state_dir.data_dir().is_dir():
        return [state_dir.data_dir()]
    raise DataError(
        "there is no data yet.",
        where=str(state_dir.data_dir()),
        hint="Buy some with 'qe data get', bring your own with 'qe data import', or name --dbn.",
    )


@click.command()
@click.argument("symbol")
@click.option("--start", type=DateParam(), required=True, help="The first day, UTC.")
@click.option("--end", type=DateParam(), required=True, help="The day after the last, UTC.")
@click.option("--dataset", default="GLBX.MDP3", show_default=True, help="The vendor's dataset.")
@click.option("--gateway", help="Another address of the vendor, as `databento.gateway` gives it.")
@json_option
def symbols(
    symbol: str, start: date, end: date, dataset: str, gateway: str | None, as_json: bool
) -> None:
    """Show the dated contracts that SYMBOL stands for.

    SYMBOL is such as ES.FUT, ES.v.0, ESZ4 or an instrument id.
    """
    from qe_plugins.data.databento import resolver
    from qe_plugins.data.symbology.resolver import contract_spans
    from qe_plugins.data.symbology.symbols import feed_symbol

    parsed = feed_symbol(symbol)
    if start >= end:
        raise click.BadParameter(
            f"must be before --end, was {start} and {end}", param_hint="--start"
        )
    spans = contract_spans(resolver(dataset, gateway), parsed, start, end)
    rows = [_span_document(span) for span in spans]
    if as_json:
        print_json(
            {"symbol": symbol, "stype_in": parsed.stype_in, "start": start, "end": end}
            | {"contracts": rows}
        )
        return
    echo(f"{shown(symbol)} ({parsed.stype_in}) from {start} to {end}, end exclusive, UTC days")
    print_rows(("contract", "feed", "from", "to"), [list(row.values()) for row in rows])


def _span_document(span: SymbolSpan) -> dict[str, object]:
    from qe_plugins.data.symbology.symbols import instrument_id
    from qe_plugins.market.specs import markets

    terms = markets().roots.get(span.key.root)
    name = instrument_id(span.key, terms.exchange) if terms else span.key.name
    return {"id": name, "raw": span.key.raw, "start": span.start, "end": span.end}
