"""`qe fleet leaks|votes`: what a recording's requests give away, and what its votes are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.fleet.plan import usd_option
from qe_plugins.cli.output import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.fleet.leaks.attackers import Attack
    from qe_plugins.fleet.leaks.memory import MemoryProbe
    from qe_plugins.recordings.vote_groups import VoteGroup

FAILED = 1
HORIZON = 15
"""Minutes after a window in which the memory probe asks for the direction."""


@click.command()
@click.argument("recording")
@click.option(
    "--points",
    "most",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Decision points whose future is changed; of --memory, on either side of the cutoff.",
)
@click.option("--memory", is_flag=True, help="Ask the model what came next. This costs money.")
@click.option("--max-cost", type=str, metavar="USD", help="Refuse questions that cost more.")
@json_option
def leaks(recording: str, most: int, memory: bool, max_cost: str | None, as_json: bool) -> None:
    """Look for the future and for the market behind the mask in RECORDING's requests.

    The data after a decision is shuffled and canaries are planted in it: no byte of a request may
    change. Attackers guess level and season from the masked requests. With --memory the workers'
    model is asked what came next, for windows before and after its cutoff: without --max-cost only
    the price is printed. Exit code 1 means a leak.
    """
    from qe_plugins.fleet.leaks.check import check

    probed = _remembered(recording, most, max_cost) if memory else None
    found = check(recording, most)
    document = found.document()
    figures = {name: document[name] for name in ("requests", "changed", "canaries", "held")}
    figures |= {f"{one.what} right": one.right for one in found.attacks}
    trial = _registered("leaks", recording, {"points": most}, figures)
    if probed is not None:
        of_memory = {"model": probed.model, "difference": probed.difference, "low": probed.low}
        _registered("memory", recording, {"points": most, "horizon": HORIZON}, of_memory)
    if as_json:
        print_json({**document, "memory": probed, "trial": trial})
    else:
        _print_leaks(document)
        _print_memory(probed)
    if not found.held or (probed is not None and not probed.held):
        raise SystemExit(FAILED)


def _remembered(recording: str, most: int, max_cost: str | None) -> MemoryProbe:
    from qe_plugins.fleet.leaks import memory
    from qe_plugins.fleet.leaks.check import fleet_of
    from qe_plugins.fleet.tasks.snapshot_loader import open_market
    from qe_plugins.recordings.folder import read

    info = read(recording).info
    loaded = fleet_of(info)
    asked = memory.questions(loaded, open_market(loaded).frame, info, HORIZON, most)
    limit = usd_option(max_cost)
    price = memory.refuse_dear(asked, limit)
    return memory.probe(loaded, recording, asked, limit or price)


def _print_memory(found: MemoryProbe | None) -> None:
    if found is None:
        return
    echo(
        f"memory    {found.model}: {found.before_right:.1%} right of {found.before} before its "
        f"cutoff, {found.after_right:.1%} of {found.after} after, difference "
        f"{found.difference:+.1%} ({found.low:+.1%} to {found.high:+.1%}), ${found.usd:,.4f}: "
        f"{'held' if found.held else 'LEAK'}"
    )


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
    """Measure RECORDING's effective votes and the calibration of its confidences.

    Of all votes, of each model and of each prompt; the page has the reliability diagram.
    """
    from qe_plugins.fleet.leaks.outcomes import measured

    found = measured(recording, horizon)
    page = _write_page(found)
    trial = _registered("votes", recording, {"horizon_minutes": horizon}, _figures_of(found))
    if as_json:
        print_json({**found, "page": str(page), "trial": trial})
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
    for field in ("model", "prompt"):
        print_rows(
            (f"by {field}", "votes", "workers", "correlation", "effective", "Brier", "base rate's"),
            [_group_row(one) for one in found[f"by_{field}"]],
        )
    echo(f"page  {page}")


def _group_row(one: VoteGroup) -> tuple[object, ...]:
    of, said = one.effective, one.calibration
    measured = (of.workers, f"{of.correlation:+.3f}", f"{of.votes:.1f}") if of else (1, "", "1.0")
    return one.name, f"{one.votes:,}", *measured, f"{said.brier:.4f}", f"{said.base_brier:.4f}"


def _figures_of(found: dict[str, Any]) -> dict[str, Any]:
    of, said = found["votes"], found["calibration"]
    return {
        "outcomes": of.outcomes,
        "correlation": of.correlation,
        "effective_votes": of.votes,
        "brier": said.brier,
        "log_score": said.log_score,
        "difference": said.difference,
    }


def _registered(
    measure: str, recording: str, definition: dict[str, Any], figures: dict[str, Any]
) -> str | None:
    from datetime import UTC, datetime

    from qe_plugins.recordings import trials
    from qe_plugins.recordings.folder import read

    return trials.register(measure, read(recording), definition, figures, datetime.now(UTC))


def _write_page(found: dict[str, Any]) -> Path:
    import os

    from qe_plugins.recordings.folder import folder_of
    from qe_plugins.report import votes_page

    page = folder_of(found["recording"]).path / "votes.html"
    part = page.with_suffix(".part")
    part.write_text(votes_page.render(found), encoding="utf-8")
    os.replace(part, page)
    return page


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
