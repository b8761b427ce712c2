"""`qe data synth`: generate years of one-minute bars for tests that need no market data."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import click

from qe_plugins.cli.output import DateParam, echo, json_option, print_json
from qe_plugins.cli.progress import working
from qe_plugins.safe_text import shown


@click.command()
@click.option(
    "--years",
    type=click.IntRange(1, 15),
    default=10,
    show_default=True,
    help="Years of contracts per root: four a year of ES, twelve of CL.",
)
@click.option("--roots", default="ES,MES", show_default=True, help="Of ES, MES, NQ, CL, GC and ZN.")
@click.option(
    "--start", type=DateParam(), default="2015-01-02", show_default=True, help="The first day."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=7,
    show_default=True,
    help="Random seed.",
)
@click.option(
    "--price", type=float, help="The first price, in points.  [default: 2050 for ES and MES alone]"
)
@click.option(
    "--through-zero", default="", help="Roots whose price falls below zero halfway, such as CL."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The catalog.  [default: QE_HOME/data/synth-...]"
)
@json_option
def synth(
    years: int,
    roots: str,
    start: date,
    seed: int,
    price: float | None,
    through_zero: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Generate years of one-minute bars.

    Each root has its own sessions, contracts and rolls. The same settings give the same data. It is
    labelled synthetic wherever it is used.
    """
    from msgspec.structs import asdict

    from qe_plugins.config.schema import SyntheticSettings
    from qe_plugins.data.synthetic.catalog import generate

    names, falling = _root_names(roots), _root_names(through_zero)
    if price is None and set(names) <= {"ES", "MES"}:
        price = 2050.0
    if price is not None and price <= 0:
        raise click.BadParameter(f"must be positive, was {price}", param_hint="--price")
    settings = SyntheticSettings(
        years=years,
        start=str(start),
        seed=seed,
        open_price=None if price is None else Decimal(str(price)),
        through_zero=falling,
    )
    with working("generating bars"):
        found = generate(settings, names, out)
    if as_json:
        print_json(asdict(found) | {"catalog": str(found.catalog), "rolls": str(found.rolls)})
        return
    echo(found.label)
    echo(
        f"{found.contracts} contracts, {found.bars:,} bars" + ("" if found.made else ", was there")
    )
    echo(f"catalog  {shown(str(found.catalog))}")
    echo(f"rolls    {shown(str(found.rolls))}")
    echo("Run on it with --set data.catalog=FOLDER.")


def _root_names(text: str) -> list[str]:
    """Return the roots that an option names, separated by commas."""
    return [name.strip().upper() for name in text.split(",") if name.strip()]
