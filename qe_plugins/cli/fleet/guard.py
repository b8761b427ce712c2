"""`qe fleet guard`: GUARDIAN publishes a posture that expires and can only tighten."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import click

from qe_plugins.cli.fleet.at_work import context_of, document, print_session, role_options
from qe_plugins.cli.fleet.plan import usd_option
from qe_plugins.cli.output import echo, print_json


@click.command()
@click.option(
    "--max-contracts",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="A person's limit of the position.",
)
@click.option("--max-loss", default="250", show_default=True, help="USD a session.")
@click.option("--loss", default="0", show_default=True, help="USD lost this session so far.")
@click.option(
    "--validity",
    type=click.IntRange(1, 3600),
    default=900,
    show_default=True,
    help="Seconds that a posture holds at most.",
)
@role_options
def guard(
    max_contracts: int, max_loss: str, loss: str, validity: int, as_json: bool, **options: Any
) -> None:
    """Let GUARDIAN of CONFIG's fleet decide how much risk to allow for the next minutes.

    --max-contracts and --max-loss are a person's limits: a posture is tighter or as tight. It is
    published under the fleet's name for the plugin `guardian_fleet`, holds for at most --validity
    seconds, and once it has expired nothing new is opened.
    """
    from qe_plugins.fleet.roles import PersonLimits, run_role
    from qe_plugins.fleet.roles.guardian import WILD
    from qe_plugins.fleet.roles.publishing import publish_posture
    from qe_plugins.plugins.types import Role

    limits = PersonLimits(
        max_contracts=max_contracts, max_loss=_usd(max_loss), validity=float(validity)
    )
    context = context_of(**options, limits=limits, loss=_usd(loss))
    outcome = run_role(Role.GUARDIAN, context)
    if not context.replay:
        publish_posture(context.loaded.fleet.name, outcome)
    if as_json:
        print_json(document(outcome))
        return
    print_session(outcome.session)
    found = outcome.found
    known = found.code.volatility
    of_usual = "" if known is None else f": {known:g} times the usual, tightened from {WILD:g} on"
    echo(f"code      {found.code.reason}{of_usual}")
    if found.posture is None:
        echo("posture   none: the last one expires, and nothing new is opened")
        return
    one = found.in_force
    sides = ", ".join(str(side) for side in one.sides or ()) or "no side"
    minutes = (one.valid_until - context.as_of) / 60e9
    state = "halt" if one.halt else f"{one.max_contracts} contracts, {sides}"
    echo(f"posture   {state}, loss up to {one.max_loss} USD, for {minutes:g} min: {one.reason}")
    for name in found.refused:
        echo(f"refused   {name} would be looser: the earlier posture holds until it expires")


def _usd(text: str) -> Decimal:
    amount = usd_option(text)
    assert amount is not None
    return amount
