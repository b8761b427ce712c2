"""`qe options surface`: the fitted volatility surface of a root at one moment."""

from __future__ import annotations

from datetime import date, datetime

import click

from qe_plugins.cli.options.moments import chain_options, nanoseconds, shown_moment
from qe_plugins.cli.output import echo, json_option, print_json, print_rows
from qe_plugins.cli.progress import working


@click.command(name="surface")
@chain_options
@json_option
def surface(
    root: str,
    moment: datetime,
    expiry: date | None,
    rate: float | None,
    no_parity: bool,
    as_json: bool,
) -> None:
    """Print the volatility surface of ROOT at MOMENT (UTC): an SVI slice an expiry, with its fit.

    Errors are in volatility points; `inside` is the share of quotes whose spread holds the fitted
    price. Slices with arbitrage are not shown: the reason is.
    """
    from qe_plugins.options.chain import chain_at
    from qe_plugins.options.surface import butterfly, fit_surface, surface_features

    at = nanoseconds(moment)
    with working("fitting the surface"):
        chain = chain_at(root, at, expiry=expiry, rate=rate, check_parity=not no_parity)
        found = fit_surface(chain.options, at)
    if as_json:
        print_json({"surface": found, "features": surface_features(found)})
        return
    heads = ("expiry", "days", "forward", "atm", "quotes", "median", "p95", "inside", "butterfly")
    rows = [
        [
            shown_moment(one.expiry),
            f"{one.years * 365:.1f}",
            f"{one.forward:,.2f}",
            f"{one.at_the_money * 100:.2f}",
            one.quotes,
            f"{one.median_error * 100:.3f}",
            f"{one.p95_error * 100:.3f}",
            f"{one.inside:.0%}",
            f"{butterfly(one):.3f}",
        ]
        for one in found.slices.values()
    ]
    print_rows(heads, rows)
    if found.joint is not None:
        echo("The expiries' own fits cross in time: these are an SSVI fit of all of them.")
    for when, why in found.failed.items():
        echo(f"no slice of {shown_moment(when)}: {why}")
    for name, value in surface_features(found).items():
        echo(f"{name}: {value:.4f}")
