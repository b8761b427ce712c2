"""`qe options chain`: the chain of a root at one moment."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.options.moments import chain_options, nanoseconds, shown_moment
from qe_plugins.cli.output import counted, echo, json_option, print_json, print_rows
from qe_plugins.cli.progress import working

if TYPE_CHECKING:
    from qe_plugins.options.chain import OptionChain

HEADS = (
    *("option", "bid", "ask", "size", "iv", "delta", "gamma", "vega", "theta", "ticks", "vol pts"),
    *("style", "not used"),
)


@click.command(name="chain")
@chain_options
@json_option
def chain(
    root: str,
    moment: datetime,
    expiry: date | None,
    rate: float | None,
    no_parity: bool,
    as_json: bool,
) -> None:
    """Print the option chain of ROOT at MOMENT (UTC), such as ES 2020-01-06T15:00.

    Per option: best bid and offer with sizes, implied volatility in percent, Greeks in points, the
    spread in ticks and in volatility points, style, and why a quote is not used.
    """
    from qe_plugins.options.chain import chain_at

    with working("reading quotes"):
        found = chain_at(
            root, nanoseconds(moment), expiry=expiry, rate=rate, check_parity=not no_parity
        )
    if as_json:
        print_json(_document(found))
        return
    for one in found.expiries:
        _print_expiry(found, one)
    used = len(found.used)
    echo(f"{counted(len(found.options), 'quote')}, {used:,} used.")
    for reason, count in found.left_out.items():
        echo(f"  {count:,} not used: {reason}")
    echo("Greeks: delta a point; vega and vol pts by 0.01 of volatility; theta a calendar day.")


def _print_expiry(found: OptionChain, expiry: int) -> None:
    import polars as pl

    part = found.options.filter(pl.col("expiry") == expiry)
    first = part.row(0, named=True)
    price = "no price" if first["price"] is None else f"{first['price']:,.2f}"
    echo(
        f"{found.root} options of {shown_moment(expiry)}, {first['years'] * 365:.1f} days, on "
        f"{first['future']} at {price}, rate {found.rate:.2%}, as of {shown_moment(found.at)}"
    )
    for check in (one for one in found.parity if one.expiry == expiry):
        fit = "" if check.rate is None else f"; the prices fit a rate of {check.rate:.2%}"
        echo(
            f"parity: {counted(check.pairs, 'pair')}, {check.within:.1%} within half-spreads, "
            f"median error {check.median_error:.2f} points{fit}"
        )
    print_rows(HEADS, [_row(one) for one in part.iter_rows(named=True)])
    echo()


def _row(one: dict[str, Any]) -> list[object]:
    sizes = f"{one['bid_size'] or 0:.0f}x{one['ask_size'] or 0:.0f}"
    return [
        one["symbol"],
        _figure(one["bid"], 2),
        _figure(one["ask"], 2),
        sizes,
        _figure(one["iv"] and one["iv"] * 100, 2),
        _figure(one["delta"], 3),
        _figure(one["gamma"], 5),
        _figure(one["vega"], 3),
        _figure(one["theta"], 3),
        _figure(one["spread_ticks"], 0),
        _figure(one["spread_vol"], 2),
        "american" if one["american"] else "european",
        one["reason"] or "",
    ]


def _figure(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:,.{digits}f}"


def _document(found: OptionChain) -> dict[str, object]:
    return {
        "root": found.root,
        "at": found.at,
        "rate": found.rate,
        "left_out": found.left_out,
        "parity": found.parity,
        "options": found.options.drop(
            "ts", "price_ts", "now", "rate", "otm_iv", strict=False
        ).to_dicts(),
    }
