"""`qe fleet leaks|votes`: what a recording's requests give away, and what its votes are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.output import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.fleet.leaks.attackers import Attack

FAILED = 1


@click.command()
@click.argument("recording")
@click.option(
    "--points",
    "most",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Decision points whose future is changed.",
)
@json_option
def leaks(recording: str, most: int, as_json: bool) -> None:
    """Look for the future and for the market behind the mask in RECORDING's requests.

    The data after a decision is shuffled and canaries are planted in it: no byte of a request may
    change. Attackers guess level and season from the masked requests. Exit code 1 means a leak.
    """
    from qe_plugins.fleet.leaks.check import check

    found = check(recording, most)
    if as_json:
        print_json(found.document())
    else:
        _print_leaks(found.document())
    if not found.held:
        raise SystemExit(FAILED)


@click.command()
@click.argument("recording")
@click.option(
    "--horizon",
    type=click.IntRange(1),
    default=15,
    show_default=True,
    help="Minutes after its delivery by which an answer is right or wrong.",
)
@json_option
def votes(recording: str, horizon: int, as_json: bool) -> None:
    """Measure RECORDING's effective votes and the calibration of its confidences."""
    from qe_plugins.fleet.leaks.outcomes import measured

    found = measured(recording, horizon)
    if as_json:
        print_json(found)
        return
    one = found["votes"]
    state = "measured" if one.measured else "too few outcomes, so by the assumed correlation"
    echo(
        f"{one.workers} workers, {one.outcomes:,} decisions with an outcome: correlation of errors "
        f"{one.correlation:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
    )
    echo(f"effective votes {one.votes:.1f}, {state}")
    said = found["calibration"]
    echo(
        f"Brier {said.brier:.4f} (base rate {said.base_brier:.4f}), log score {said.log_score:.4f} "
        f"(base rate {said.base_log_score:.4f}), difference {said.difference:+.4f} "
        f"({said.low:+.4f} to {said.high:+.4f})"
    )
    if said.below_base_rate:
        echo("BELOW THE BASE RATE: the confidences are worse than saying none")
    rows = [(each.count, f"{each.said:.2f}", f"{each.happened:.2f}") for each in said.bins]
    print_rows(("votes", "said", "happened"), rows)


def _print_leaks(found: dict[str, Any]) -> None:
    echo(
        f"future    {found['requests']:,} requests at {found['points']} decision points: "
        f"{found['changed']} changed, {found['canaries']} with a canary"
    )
    attacks: list[Attack] = found["attacks"]
    for one in attacks:
        state = "held" if one.held else "LEAK"
        echo(
            f"{one.what:12}{one.right:.1%} right of {one.count}, chance {one.chance:.1%} "
            f"+- {one.error:.1%}: {state}"
        )
    if not attacks:
        echo("mask      raw: nothing is hidden, so nothing is attacked")
