"""`qe features list` and `qe features show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.features.bars import data_option, tape_of
from qe_plugins.cli.output import counted, echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qe_plugins.features.catalogue import FeatureEntry
    from qe_plugins.features.tape import CheckTape
    from qe_plugins.plugins.types import Family


@click.command("list")
@click.option("--all", "every", is_flag=True, help="Print every feature, not only the families.")
@click.option("--page", "as_page", is_flag=True, help="Print the page configs/FEATURES.md.")
@click.option("--rank", is_flag=True, help="Print how many dimensions the features span on --data.")
@data_option
@json_option
def list_(every: bool, as_page: bool, rank: bool, data: Path | None, as_json: bool) -> None:
    """List the features, and the families that plugins register."""
    if rank:
        _print_spans(data, as_json)
        return
    from qe_plugins.features.catalogue import EQUATION, FAMILIES, catalogue
    from qe_plugins.features.families import registered_families

    if as_page:
        from qe_plugins.features.page import page

        click.echo(page(), nl=False)
        return
    own = registered_families()
    if as_json:
        entries = [_document(one) for one in catalogue().values()]
        print_json([*entries, *(_family_document(one) for one in own.values())])
        return
    if every:
        rows = [(e.name, e.meaning, e.unit, e.lookback) for e in catalogue().values()]
        print_rows(("feature", "meaning", "unit", "lookback"), rows)
    else:
        families = [(f.group, f.name, f.meaning, f.unit, f.source) for f in FAMILIES]
        across = [
            ("across", e.name, e.meaning, e.unit, e.source)
            for e in catalogue().values()
            if e.timeframe == "across"
        ]
        print_rows(("group", "name", "meaning", "unit", "source"), [*families, *across])
    for one in own.values():
        echo(f"registered: {one.name}, {one.meaning}, lookback {one.lookback}")
    echo(EQUATION + (f", and {counted(len(own), 'registered family')}" if own else ""))


def _print_spans(data: Path | None, as_json: bool) -> None:
    from qe_plugins.features.dimensions import SHARE, spans

    found = list(spans(tape_of(data)))
    if as_json:
        print_json(found)
        return
    if not found:
        echo("the data has too few bars for it: about 1,200 of a contract are needed")
    for one in found:
        echo(
            f"{one.features} features of {one.timeframe} span {one.participation:.1f} dimensions"
            f" (participation ratio) on {counted(one.rows, 'bar')} of {one.contract};"
            f" {one.most} have {SHARE:.0%} of the variance"
        )


@click.command()
@click.argument("name")
@click.option("--plot", is_flag=True, help="Draw it below the price of --data as a PNG.")
@data_option
@click.option(
    "--bars",
    type=click.IntRange(10),
    default=1_500,
    show_default=True,
    help="How many bars at the end of the data are drawn.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of the drawing.  [default: NAME.png]",
)
@json_option
def show(
    name: str, plot: bool, data: Path | None, bars: int, out: Path | None, as_json: bool
) -> None:
    """Explain one feature: meaning, unit, range, lookback, source; draw it with --plot."""
    from qe_plugins.features.catalogue import entry_of
    from qe_plugins.features.families import registered_families

    own = registered_families()
    family = own.get(name) or own.get(name.partition(".")[2])
    others = [f"1m.{one}" for one in own]
    document = _family_document(family) if family else _document(entry_of(name, others))
    if plot:
        name = f"1m.{name}" if name in own else name
        document["plot"] = str(_drawn(name, document, own, tape_of(data), bars, out))
    if as_json:
        print_json(document)
        return
    for key, value in document.items():
        echo(f"{key:<10} {'-' if value is None else value}")


def _drawn(
    name: str,
    document: Mapping[str, Any],
    families: Mapping[str, Family],
    tape: CheckTape,
    count: int,
    out: Path | None,
) -> Path:
    """Draw a feature of the contract with the most bars; return the file."""
    from qe_plugins.features.names import Wanted
    from qe_plugins.features.tape import computed
    from qe_plugins.report.feature_chart import FeatureOverPrice, draw

    contract = max(tape.bars, key=lambda one: len(tape.bars[one]))
    _, columns = computed(Wanted([name], families), tape)[contract]
    bars, values = tape.bars[contract], columns[name]
    first = max(len(bars) - count, 0)
    file = out or Path(f"{name}.png")
    about = (document["meaning"], document["unit"])
    draw(FeatureOverPrice(name, *about, contract, bars[first:], values[first:]), file)
    return file


def _document(entry: FeatureEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "meaning": entry.meaning,
        "unit": entry.unit,
        "low": _finite(entry.low),
        "high": _finite(entry.high),
        "lookback": entry.lookback,
        "source": entry.source,
        "timeframe": entry.timeframe,
        "window": entry.window,
        "scale_free": entry.scale_free,
    }


def _family_document(family: Family) -> dict[str, Any]:
    return {
        "name": family.name,
        "meaning": family.meaning,
        "unit": family.unit,
        "low": _finite(family.low),
        "high": _finite(family.high),
        "lookback": family.lookback,
        "source": "registered by a plugin",
        "timeframe": None,
        "window": None,
        "scale_free": None,
    }


def _finite(value: float) -> float | None:
    return value if abs(value) != float("inf") else None
