"""`qe options straddle`: what a hedged short straddle earns, and what it can lose."""

from __future__ import annotations

import math

import click

from qe_plugins.cli.output import echo, json_option, print_json, print_rows

PRODUCTS = ("ES", "MES")

HEDGE_COST = 0.24
"""Points a contract of ES that is traded as ten MES: half a tick, and a fee of 0.57 USD each."""


@click.command(name="straddle")
@click.option("--implied", type=float, required=True, help="Annual volatility sold, such as 0.16.")
@click.option("--realised", type=float, required=True, help="Annual volatility of the paths.")
@click.option(
    "--price",
    type=click.FloatRange(1),
    default=5_000.0,
    show_default=True,
    help="Price of the future, and the strike.",
)
@click.option(
    "--sessions",
    type=click.IntRange(1, 252),
    default=21,
    show_default=True,
    help="Sessions to expiry.",
)
@click.option(
    "--paths",
    type=click.IntRange(2, 20_000),
    default=4_000,
    show_default=True,
    help="Paths to generate.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the paths.")
@json_option
def straddle(
    implied: float,
    realised: float,
    price: float,
    sessions: int,
    paths: int,
    seed: int,
    as_json: bool,
) -> None:
    """Print what one short straddle earns or loses over generated paths, hedged each half hour.

    It is sold at the money at --implied and held to expiry; its delta is offset in tenths of a
    contract. The paths have no jumps, and costs are left out: a real market is worse.
    """
    from qe_plugins.market.specs import market
    from qe_plugins.options.hedged_straddle import straddle_risk

    if not math.isfinite(price):
        raise click.BadParameter(f"must be a price, was {price}.", param_hint="--price")
    for name, value in (("--implied", implied), ("--realised", realised)):
        if not 0.01 <= value <= 2:
            raise click.BadParameter(f"must be from 0.01 to 2, was {value:g}.", param_hint=name)
    found = straddle_risk(price, implied, realised, sessions, paths, seed)
    if as_json:
        print_json(found)
        return
    multipliers = [float(market(root).multiplier) for root in PRODUCTS]
    figures = (
        ("expected by the formula", found.expected),
        ("mean", found.mean),
        ("standard error of the mean", found.error),
        ("worst hundredth, from", found.worst_hundredth),
        ("worst path", found.worst),
    )
    echo(
        f"A straddle sold at {implied:.0%} for {sessions} sessions at {price:,.0f}; the market "
        f"moves {realised:.0%}; {paths:,} paths, seed {seed}."
    )
    rows = [
        [name, f"{points:,.2f}", *(f"{points * each:,.0f}" for each in multipliers)]
        for name, points in figures
    ]
    print_rows(("profit", "points", *(f"{root}, USD" for root in PRODUCTS)), rows)
    echo(
        f"Not in it: its hedges trade {found.traded:.1f} contracts, at {HEDGE_COST} points each "
        f"{found.traded * HEDGE_COST:.1f} points."
    )
