"""`qe data estimate|get`: what a purchase costs, and the purchase."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.data_catalog import print_built
from qe_plugins.cli.data_progress import asking, downloading
from qe_plugins.cli.listing import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.data.databento.cart import Cart
    from qe_plugins.data.databento.quotes import Line
    from qe_plugins.data.databento.shop import Bought

CONFIG = click.argument("config", type=click.Path(path_type=Path))
HEAD = ("root", "schema", "year", "files", "rows", "bytes", "dollars")


class Dollars(click.ParamType[Decimal]):
    """An amount on the command line: `80`, `80.50`, `$80`, `80 USD`."""

    name = "dollars"

    def convert(self, value: Any, param: Any, ctx: Any) -> Decimal:
        """Return the amount. Fails with one line for anything that is no amount."""
        from qe_plugins.units import parse_money

        try:
            amount = parse_money(str(value).strip().removeprefix("$"), "USD")
        except ValueError:
            amount = Decimal(-1)
        if amount < 0:
            self.fail(f"'{value}' is no amount. Write it as 80 or 80.50.", param, ctx)
        return amount


@click.command()
@CONFIG
@json_option
def estimate(config: Path, as_json: bool) -> None:
    """Show what the purchase in CONFIG costs, by root, schema and year. Asking is free."""
    from qe_plugins.data.databento import shop

    with asking() as started:
        cart = shop.estimate(config, started)
    if as_json:
        print_json(shop.quoted(cart))
    else:
        _print_cart(cart)


@click.command()
@CONFIG
@click.option("--max-cost", type=Dollars(), help="The most this run may spend, retries included.")
@json_option
def get(config: Path, max_cost: Decimal | None, as_json: bool) -> None:
    """Buy what CONFIG names and is not here yet; a run that was stopped goes on.

    Without --max-cost it asks, and refuses where nobody can be asked. Stopped with Ctrl-C it
    finishes the files that are on their way: they are paid for.
    """
    from qe_plugins.data.databento import shop

    with shop.opened(config) as counter:
        with asking() as started:
            cart = counter.fill(started)
        if not as_json:
            _print_cart(cart)
        limit = shop.limit(cart, max_cost, _ask if _is_terminal() else None)
        with downloading(cart) as watch:
            bought = counter.buy(cart, limit, watch)
    if as_json:
        print_json(bought)
    else:
        _print_bought(bought)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str) -> bool:
    return click.confirm(question, err=True)


def _print_cart(cart: Cart) -> None:
    from qe_plugins.data.databento.quotes import lines

    rows = lines(cart.wanted)
    shown: list[tuple[object, ...]] = []
    for root in dict.fromkeys(one.root for one in rows):
        mine = [one for one in rows if one.root == root]
        shown += [(one.root, one.schema, str(one.year), *_figures([one])) for one in mine]
        shown.append((root, "all", "", *_figures(mine)))
    if rows:
        print_rows(HEAD, [*shown, ("total", "", "", *_figures(rows))])
    if cart.held:
        echo(f"{len(cart.held)} files are here already and cost nothing more.")
    if not rows:
        echo("Nothing is left to buy.")
    _print_doubts(cart)


def _figures(rows: list[Line]) -> tuple[object, ...]:
    from qe_plugins.data.databento.budget import usd

    return (
        sum(one.files for one in rows),
        sum(one.rows for one in rows),
        sum(one.bytes for one in rows),
        usd(sum((one.dollars for one in rows), Decimal(0))),
    )


def _print_doubts(cart: Cart) -> None:
    for text in cart.unresolved:
        echo(f"not resolved: {text}.")
    kinds: dict[str, list[str]] = {}
    for day, condition in sorted(cart.conditions.items()):
        kinds.setdefault(condition, []).append(day.isoformat())
    for condition, days in sorted(kinds.items()):
        count = f"{len(days)} day{'s' if len(days) > 1 else ''}"
        echo(f"{condition} ({count}): {', '.join(days)}")


def _print_bought(bought: Bought) -> None:
    from qe_plugins.data.databento.budget import usd

    echo(
        f"{bought.files} files bought for {usd(bought.dollars)}, {bought.held} were here: "
        f"{bought.rows:,} rows in {bought.folder}"
    )
    for retry in bought.retries:
        echo(f"billed again after a cut: {retry}")
    if bought.files or bought.catalog:
        print_built([bought.catalog] if bought.catalog else [])
