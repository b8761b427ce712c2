"""`qe data continuous`: a continuous series as known on a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.data.rolls import RULE
from qe_plugins.cli.data.symbols import DBN, places
from qe_plugins.cli.output import DateParam, echo, json_option, print_json, print_rows
from qe_plugins.cli.progress import working
from qe_plugins.safe_text import shown

if TYPE_CHECKING:
    from qe_plugins.data.rolls.continuous import ContinuousSeries


@click.command()
@click.argument("root")
@click.option(
    "--adjust",
    type=click.Choice(["ratio", "difference", "none"]),
    default="ratio",
    show_default=True,
    help="Adjust earlier contracts by the ratio or the difference of the prices at each roll.",
)
@click.option(
    "--as-of", type=DateParam(), help="Use nothing later.  [default: the data's last session]"
)
@click.option(
    "--bars",
    type=click.Choice(["session", "intraday"]),
    default="session",
    show_default=True,
    help="One bar per session, or the shortest bars in the data.",
)
@RULE
@DBN
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write Parquet here.")
@json_option
def continuous(
    root: str,
    adjust: str,
    as_of: date | None,
    bars: str,
    rule: str,
    dbn: tuple[Path, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Show the continuous series of ROOT.

    It is for signals and plots only. It is anchored at the front month of --as-of, whose prices are
    as traded.
    """
    from qe_plugins.data.rolls.continuous import read_series, write_series
    from qe_plugins.market.continuous import Adjust
    from qe_plugins.market.roll_calendar import Rule

    with working("reading bars"):
        series = read_series(
            places(dbn), root, Rule(rule), Adjust(adjust), as_of, bars == "intraday"
        )
    if out:
        write_series(series, out)
    if as_json:
        print_json(series.document(with_bars=out is None))
    else:
        _print_series(series, out)


def _print_series(series: ContinuousSeries, out: Path | None) -> None:
    echo(shown(series.label))
    moves = [
        (one.start, one.end, one.contract, f"{one.ratio:.8f}", f"{one.difference:f}")
        for one in series.segments
    ]
    print_rows(("from", "to", "contract", "times", "plus"), moves)
    echo(f"{series.bars.height:,} bars, the last of them:")
    last = series.bars.tail(5).drop("ts")
    print_rows(last.columns, [_rounded_row(row) for row in last.iter_rows()])
    echo(
        f"written to {shown(str(out))}"
        if out
        else "--out FILE.parquet writes them, --json prints them"
    )


def _rounded_row(row: tuple[object, ...]) -> list[object]:
    return [f"{value:.4f}" if isinstance(value, float) else value for value in row]
