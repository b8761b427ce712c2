"""`qe data synth`: years of made-up minutes, to test on what no data can be bought for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import click

from qe_plugins.cli.listing import Day, json_option, print_json


@click.command()
@click.option(
    "--years",
    type=click.IntRange(1, 15),
    default=10,
    show_default=True,
    help="Four quarterly contracts each.",
)
@click.option(
    "--roots", default="ES,MES", show_default=True, help="ES and MES share one path; or NQ alone."
)
@click.option("--start", type=Day(), default="2015-01-02", show_default=True, help="The first day.")
@click.option(
    "--seed", type=click.IntRange(0), default=7, show_default=True, help="Another, another tape."
)
@click.option(
    "--price", type=float, default=2050.0, show_default=True, help="The first price, in points."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The catalog.  [default: QE_HOME/data/synth-...]"
)
@json_option
def synth(
    years: int, roots: str, start: date, seed: int, price: float, out: Path | None, as_json: bool
) -> None:
    """Generate a tape of years: one-minute bars, quarterly contracts, known rolls.

    The same settings make the same tape. It is labelled synthetic wherever it is used.
    """
    from msgspec.structs import asdict

    from qe_plugins.config.schema import Synthetic
    from qe_plugins.data.synthetic_catalog import generate

    if price <= 0:
        raise click.BadParameter(f"must be positive, was {price}", param_hint="--price")
    settings = Synthetic(years=years, start=str(start), seed=seed, open_price=Decimal(str(price)))
    names = [name.strip().upper() for name in roots.split(",") if name.strip()]
    found = generate(settings, names, out)
    if as_json:
        print_json(asdict(found) | {"catalog": str(found.catalog), "rolls": str(found.rolls)})
        return
    click.echo(found.label)
    click.echo(
        f"{found.contracts} contracts, {found.bars:,} bars" + ("" if found.made else ", was there")
    )
    click.echo(f"catalog  {found.catalog}")
    click.echo(f"rolls    {found.rolls}")
    click.echo("Run on it with --set data.catalog=FOLDER.")
