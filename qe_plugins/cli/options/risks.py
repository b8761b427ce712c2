"""`qe options risk`: what a position would lose, and the margin of our scan."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.options.moments import nanoseconds
from qe_plugins.cli.output import MomentParam, echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.options.chain import OptionChain
    from qe_plugins.options.positions import Leg


@click.command(name="risk")
@click.argument("root")
@click.argument("moment", type=MomentParam())
@click.option(
    "--leg",
    "legs",
    multiple=True,
    required=True,
    metavar="'N SYMBOL'",
    help="Contracts and option, such as '-1 ESH20 C3450'. Repeatable.",
)
@json_option
def risk(root: str, moment: datetime, legs: tuple[str, ...], as_json: bool) -> None:
    """Print the scenario grid of a position in options of ROOT, and the margin of our own scan.

    Legs are valued at their strikes' volatilities at MOMENT (UTC). The future's maintenance margin
    is that of configs/markets.yaml on the day. It is not SPAN, nor a broker's figure.
    """
    from qe_plugins.data.options.store import utc_day
    from qe_plugins.market.specs import margins, market
    from qe_plugins.options.chain import chain_at
    from qe_plugins.options.margin import margin_scan
    from qe_plugins.options.scenarios import scenario_grid
    from qe_plugins.options.surface import fit_surface

    at = nanoseconds(moment)
    chain = chain_at(root, at)
    found = [_leg(one, chain) for one in legs]
    price = _price(legs, chain)
    multiplier = float(market(root).multiplier)
    held = float(margins(root, utc_day(at)).maintenance)
    slices = fit_surface(chain.options, at).slices
    grid = scenario_grid(found, price, chain.rate, slices)
    scan = margin_scan(found, price, chain.rate, held, multiplier)
    if as_json:
        print_json({"grid": grid, "worst": grid.worst, "margin": scan})
        return
    heads = ("move", "days", *(f"vol {change:+.0%}" for change in grid.changes))
    order = sorted(range(len(grid.moves)), key=lambda i: grid.moves[i])
    for title, values in (("strike", grid.sticky_strike), ("moneyness", grid.sticky_moneyness)):
        if values is not None:
            echo(f"Profit in USD where each {title} keeps its volatility:")
            rows = [
                [f"{grid.moves[i]:+.0%}", f"{day:.0f}", *(f"{x:,.0f}" for x in values[d][i])]
                for d, day in enumerate(grid.days)
                for i in order
            ]
            print_rows(heads, rows)
    for day, profit in grid.historic.items():
        echo(f"a day of the shape of {day}: {profit:,.0f} USD")
    echo(f"worst scenario: {-grid.worst:,.0f} USD")
    echo(
        f"margin by our own scan of 16 scenarios: {scan.requirement:,.0f} USD (scan risk "
        f"{scan.scan_risk:,.0f}, minimum of short options {scan.short_minimum:,.0f}, options are "
        f"worth {scan.option_value:,.0f})"
    )


def _leg(text: str, chain: OptionChain) -> Leg:
    """Return a leg of the command line. Raises a usage error for an option without volatility."""
    import polars as pl

    from qe_plugins.market.specs import market
    from qe_plugins.options.positions import Leg

    count, _, symbol = text.strip().partition(" ")
    rows = chain.options.filter(pl.col("symbol") == symbol)
    if not rows.height or rows["vol"][0] is None:
        raise click.BadParameter(f"no volatility of {symbol!r} at this moment.", param_hint="--leg")
    try:
        contracts = float(count)
    except ValueError as error:
        raise click.BadParameter(f"not a number of contracts: {count!r}.") from error
    one = rows.row(0, named=True)
    return Leg(
        sign=int(one["sign"]),
        strike=one["strike"],
        years=one["years"],
        volatility=one["vol"],
        contracts=contracts,
        multiplier=float(market(chain.root).multiplier),
        american=one["american"],
        expiry=one["expiry"],
    )


def _price(legs: tuple[str, ...], chain: OptionChain) -> float:
    """Return the price of the future of all legs. Raises a usage error where they have several."""
    import polars as pl

    names = [one.strip().partition(" ")[2] for one in legs]
    rows = chain.options.filter(pl.col("symbol").is_in(names))
    if rows["future"].n_unique() != 1:
        raise click.BadParameter("legs must be on one future.", param_hint="--leg")
    return float(rows["price"][0])
