"""A thesis's file and the bars of a fleet: what `qe fleet validate` attacks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from qe_plugins.errors import FleetError, did_you_mean
from qe_plugins.fleet.recording.points import root_in
from qe_plugins.fleet.roles.attacks import AttackReport, attack
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.thesis import Thesis, load_thesis
from qe_plugins.market.specs import fees, market


def attacked(file: Path, context: RoleContext) -> tuple[Thesis, AttackReport]:
    """Return a thesis and every attack on it, on bars up to the context's moment.

    Raises ConfigError for a bad file, FleetError where its instrument is not in the data.
    """
    thesis = load_thesis(file)
    names = context.market.instruments
    if thesis.instrument not in names:
        hint = did_you_mean(thesis.instrument, names) or f"Known: {', '.join(names)}."
        raise FleetError(
            f"unknown instrument '{thesis.instrument}'.", where=f"{file}, instrument", hint=hint
        )
    bars = context.market.bars(thesis.instrument, thesis.timeframe)
    cost = round_trip_cost(thesis.instrument, context.as_of) if thesis.cost is None else thesis.cost
    report = attack(
        thesis.name,
        bars,
        thesis.rule(),
        stop=thesis.stop,
        horizon=thesis.horizon,
        cost=cost,
        claims=thesis.claims,
    )
    return thesis, report


def round_trip_cost(contract: str, moment: int) -> float:
    """Return a tick a side and the fees of one contract both ways, in points."""
    root = root_in(contract)
    terms = market(root)
    rate = fees(root, datetime.fromtimestamp(moment / 1e9, UTC).date())
    return float(2 * terms.tick + 2 * rate.total / terms.multiplier)
