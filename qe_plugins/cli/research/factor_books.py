"""`qe factors combine`, `open-lockbox` and `backtest`: what is done with a book of factors."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import (
    counted,
    echo,
    file_argument,
    json_option,
    print_json,
    print_rows,
    set_option,
)
from qe_plugins.cli.progress import progress
from qe_plugins.cli.research.factor_data import prepared, values_of

if TYPE_CHECKING:
    from qe_plugins.research.factors.book import FactorBook
    from qe_plugins.research.factors.book_backtest import BookComparison

MOST_DIFFERENCES = 20


@click.command()
@click.argument("run", default="last")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The book's file.  [default: books/NAME.yaml in the state folder]",
)
@click.option("--accept", multiple=True, metavar="FACTOR", help="Take a factor all the same.")
@click.option("--because", metavar="REASON", help="Why; needed with --accept.")
@json_option
def combine(
    run: str, out: Path | None, accept: tuple[str, ...], because: str | None, as_json: bool
) -> None:
    """Freeze the factors of test RUN with their weights in a book, one of each cluster.

    Only factors that are significant among all that were tested enter a book by themselves; one
    that a person accepts is in the journal with the reason.
    """
    from qe_plugins.errors import ReportError
    from qe_plugins.research.factors import book, combination, result_store

    if bool(accept) != bool(because):
        raise ReportError("--accept and --because go together.", hint="Give both, or neither.")
    place = result_store.find(run)
    result = result_store.read(place)
    accepted = dict.fromkeys(accept, because or "")
    chosen = combination.names(result, accept)
    settings, _, data, store = prepared(Path(result.config), result.overrides, 1)
    others = sum(count for name, count in result_store.trials() if name != place.name)
    values = values_of(store, chosen, data)
    made = combination.combine(settings, place.name, result, data, values, accepted, others)
    file = out or book.default_file(result.name)
    book.write(made, file)
    result_store.register_book(made, datetime.now(UTC))
    if as_json:
        print_json({"book": made, "hash": made.hash, "file": str(file)})
        return
    _print_book(made)
    echo(f"book {made.hash}  {file}")


def _print_book(made: FactorBook) -> None:
    rows = [(one.name, one.sign, f"{one.weight:.2f}", f"{one.scalar:.2f}") for one in made.factors]
    print_rows(("factor", "sign", "weight", "scalar"), rows)
    echo(f"multiplier {made.multiplier:.2f}")
    if len(made.instruments) > 1:
        weights = ", ".join(f"{root} {weight:.2f}" for root, weight in made.instruments.items())
        echo(f"instruments {weights}; diversification {made.diversification:.2f}")
    claim = made.claim
    if claim is not None:
        echo(
            f"claim, of the confirm half: {claim.edge:+.3f} R a trade (deviation {claim.sd:.2f}), "
            f"{claim.a_day:.1f} trades a day, deflated Sharpe ratio {claim.deflated_sharpe:.0%}"
        )


@click.command("open-lockbox")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def open_lockbox(file: Path, as_json: bool) -> None:
    """Show what the book in FILE predicted in its lockbox. Possible once for a book.

    The result is written to the journal and cannot be taken back.
    """
    from qe_plugins.research.factors import book, lockbox, provenance

    made = book.load(file)
    provenance.check_current(made, file)
    lockbox.check_closed(made)
    names = [one.name for one in made.factors]
    overrides = [*made.overrides, *lockbox.span_overrides(made)]
    _, _, data, store = prepared(Path(made.config), overrides, 1)
    found = lockbox.open_lockbox(made, data, values_of(store, names, data), datetime.now(UTC))
    if as_json:
        print_json(found)
        return
    echo(
        f"book {found.book} from {found.span[0]} to {found.span[1]}: t {found.t:+.2f} over "
        f"{found.sessions} sessions, IC {found.ic:+.4f}"
    )
    if found.spent:
        echo(f"spent: opened before by {', '.join(found.spent)}, which may have led to this book")


@click.command()
@file_argument
@set_option
@json_option
def backtest(file: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Run the backtest in FILE and compare it with the arithmetic of its book.

    FILE has strategies `factor_target` on roots. Positions and P&L are computed a second time from
    forecasts and closes alone, and each difference is listed. The exit code is 1 where a trade is
    missing or a price more than a tick away. No run is recorded: `qe backtest FILE` does that.
    """
    from qe_plugins.config.loader import load
    from qe_plugins.engine.running.backtest import run
    from qe_plugins.engine.running.prepare import prepare
    from qe_plugins.research.factors.book_backtest import compare

    loaded = load(file, overrides)
    with progress(loaded.config.name, "records") as advance:
        outcome = run(loaded, progress=advance)
    compared = compare(loaded, prepare(loaded), outcome)
    if as_json:
        total = round(sum(one.found for one in compared), 2)
        print_json({"roots": compared, "net_pnl": total})
    else:
        _print_comparison(compared)
    if not all(one.agrees for one in compared):
        raise SystemExit(1)


def _print_comparison(compared: list[BookComparison]) -> None:
    head = ("root", "trades", "engine", "arithmetic", "of it costs", "decisions", "held nothing")
    print_rows(
        head,
        [
            (
                one.root,
                one.trades,
                *(f"{amount:,.2f}" for amount in (one.found, one.expected, one.costs)),
                one.decisions,
                one.zero,
            )
            for one in compared
        ],
    )
    for one in compared:
        if one.average < 1:
            echo(f"{one.root}: an average forecast is {one.average:.2f} contracts")
        for each in one.differences[:MOST_DIFFERENCES]:
            moment = datetime.fromtimestamp(each.ts // 1_000_000_000, UTC)
            echo(
                f"{moment:%Y-%m-%d %H:%M} {each.contract}: engine {each.found:+d}, arithmetic "
                f"{each.expected:+d}, price {each.ticks:+.1f} ticks"
            )
        if len(one.differences) > MOST_DIFFERENCES:
            echo(f"and {len(one.differences) - MOST_DIFFERENCES} more; `--json` has all")
    total = sum(len(one.differences) for one in compared)
    echo(f"net P&L {sum(one.found for one in compared):,.2f} USD, {counted(total, 'difference')}")
