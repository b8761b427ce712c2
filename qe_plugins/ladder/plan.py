"""What a ladder would take, before anything starts: trades and calendar to each rung."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from qe_plugins.ladder.claims import Claim, measured
from qe_plugins.ladder.decay import bracket_outcomes
from qe_plugins.ladder.evidence import EdgeEvidence
from qe_plugins.ladder.rungs import LadderFile
from qe_plugins.ladder.simulate import CapitalPaths, policy_of, simulate

DAYS = 252
"""Trading days of a year."""

PATHS, TRADES, SEED = 1_000, 5_000, 7
"""Simulated strategies of a plan, the trades of each, and the seed."""

Z_FIVE, Z_EIGHTY = 1.645, 0.842
"""Normal quantiles of a test at 5% with a power of 80%."""

YEARS = 5.0
"""An edge that takes longer cannot be told from noise in practice."""


class PlanStep(msgspec.Struct, frozen=True, kw_only=True):
    """A rung of a plan: the share of strategies with the claimed edge that reach it in `TRADES`
    trades, the median trade, and the years that takes; None where fewer than half reach it.
    """

    rung: str
    evidence: float | None
    reached: float
    trades: int | None
    years: float | None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The measured edge of `count` trades in R, what is believed of it, and the way up.

    `fixed` is how many trades a single test needs to tell the edge from nothing, at 5% with a
    power of 80%; None without an edge.
    """

    name: str
    count: int
    edge: float
    claim: Claim
    fixed: int | None
    steps: list[PlanStep]
    sentence: str


def plan_of(rules: LadderFile, name: str, outcomes: Sequence[float], a_day: float) -> Plan:
    """Return the plan of outcomes in R: the edge that they show, shrunk as the ladder does."""
    edge, sd = measured(outcomes)
    claim = Claim(edge=edge * rules.shrink, sd=sd, a_day=a_day)
    return plan_of_claim(rules, name, claim, count=len(outcomes), edge=edge)


def plan_of_claim(
    rules: LadderFile, name: str, claim: Claim, *, count: int = 0, edge: float | None = None
) -> Plan:
    """Return the plan of a claim whose edge is true as it is believed."""
    edge = claim.edge if edge is None else edge
    if edge <= 0:
        what = "is negative" if edge < 0 else "is zero"
        of = f", {edge:+.3f}R a trade over {count:,} trades" if count else ""
        sentence = f"{name}: the edge {what}{of}; no rung is open to it."
        return Plan(
            name=name, count=count, edge=edge, claim=claim, fixed=None, steps=[], sentence=sentence
        )
    fixed = round(((Z_FIVE + Z_EIGHTY) * claim.sd / claim.edge) ** 2)
    steps = _steps(rules, claim)
    years = fixed / claim.a_day / DAYS
    sentence = f"{name}: {fixed:,} trades tell {claim.edge:.2f}R from nothing, {_years(years)}."
    if years > YEARS:
        sentence = (
            f"{name}: this edge cannot be told from noise within {YEARS:g} years at "
            f"{claim.a_day:.1f} trades a day: it takes {fixed:,} trades, {_years(years)}."
        )
    return Plan(
        name=name,
        count=count,
        edge=edge,
        claim=claim,
        fixed=fixed,
        steps=steps,
        sentence=sentence,
    )


def _steps(rules: LadderFile, claim: Claim) -> list[PlanStep]:
    policy = msgspec.structs.replace(policy_of(rules, claim.edge), sd=claim.sd)
    found = simulate(claim.edge, policy, paths=PATHS, trades=TRADES, seed=SEED)
    steps = [
        PlanStep(rung=rules.steps()[0][0].name, evidence=None, reached=1.0, trades=0, years=0.0)
    ]
    for place, (_, above, evidence, _) in enumerate(rules.steps(), start=1):
        reached = found.reached(place)
        first = found.first[:, place]
        late = np.where(first < 0, TRADES + 1, first + 1)
        trades = int(np.median(late)) if reached >= 0.5 else None
        years = None if trades is None else trades / claim.a_day / DAYS
        steps.append(
            PlanStep(
                rung=above.name, evidence=evidence, reached=reached, trades=trades, years=years
            )
        )
    return steps


def to_go(evidence: EdgeEvidence, claim: Claim, needed: float, least: int) -> int | None:
    """Return the median number of trades until an e-value is `needed`, if the claim is true.

    `least` is the smallest number that counts. None where fewer than half of the simulated ones
    reach it within `TRADES`.
    """
    if claim.edge <= 0:
        return None
    paths = 300
    capital = CapitalPaths.after(evidence, paths)
    generator = np.random.default_rng(SEED)
    reached = np.zeros(paths, bool)
    for at in range(TRADES):
        if reached.mean() >= 0.5:
            return at
        value = capital.add(bracket_outcomes(generator, claim.edge, (paths,)))
        if at + 1 >= least:
            reached |= value >= np.log(needed)
    return None


def _years(years: float) -> str:
    return f"{years:.1f} years" if years >= 1 else f"{years * 12:.0f} months"
