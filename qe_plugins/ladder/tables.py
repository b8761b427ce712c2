"""The tables of `qe ladder simulate`: the ladder on known edges, its demotion, and peeking."""

from __future__ import annotations

import msgspec
import numpy as np

from qe_plugins.ladder.rungs import LadderFile
from qe_plugins.ladder.simulate import (
    Peeking,
    Policy,
    Simulated,
    first_alarm,
    peeking,
    policy_of,
    simulate,
    usual_rule,
)

EDGES = (-0.05, 0.0, 0.05, 0.10, 0.20, 0.30)
LIMITS = (15.0, 20.0, 25.0, 31.0)
DIES_AT, BEFORE, AFTER = 900, 0.25, -0.10
"""An edge that dies: at which trade, and the edges in R before and after."""


class EdgeRow(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder and the usual rule on one true edge; dollars, and shares of the paths."""

    edge: float
    reached: list[float]
    top_trade: int | None
    pnl: float
    drawdown: float
    usual_reached: list[float]
    usual_drawdown: float


class DecayRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a limit does: false demotions of the claim in 500 trades, and how soon others fall."""

    rule: str
    false: float
    losing_median: int
    losing_most: int
    nothing_median: int


class DyingRow(msgspec.Struct, frozen=True, kw_only=True):
    """An edge that dies: mean P&L in dollars, and the share still on the top rung at the end."""

    rule: str
    pnl: float
    on_top: float


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """All tables of a simulation. `rungs` are those above the lowest live one."""

    paths: int
    trades: int
    seed: int
    claim: float
    limit: float
    rungs: list[str]
    ladder: list[EdgeRow]
    plug_in: list[EdgeRow]
    false_promotions: list[float]
    decay: list[DecayRow]
    dying: list[DyingRow]
    peeking: Peeking


def plain_policy(policy: Policy) -> Policy:
    """Return a policy that bets by the plug-in alone and demotes by drawdown alone."""
    return msgspec.structs.replace(policy, bets_claim=False, alarm=None, rising=False)


def tables_of(rules: LadderFile, *, claim: float, paths: int, trades: int, seed: int) -> Tables:
    """Return the tables of a ladder for a claim in R. Takes about a second for 200,000 trades."""
    policy = policy_of(rules, claim)
    assert policy.limit is not None
    alarm = float(rules.demote.false_alarm_trades)
    how = {"paths": paths, "trades": trades, "seed": seed}
    ladder = [simulate(edge, policy, **how) for edge in EDGES]
    plain = [simulate(edge, plain_policy(policy), **how) for edge in EDGES]
    usual = [usual_rule(edge, policy.risks, **how) for edge in EDGES]
    nothing = ladder[EDGES.index(0.0)]
    top = len(policy.risks) - 1
    return Tables(
        paths=paths,
        trades=trades,
        seed=seed,
        claim=claim,
        limit=policy.limit,
        rungs=[above.name for _, above, _, _ in rules.steps()],
        ladder=[_row(one, other, top) for one, other in zip(ladder, usual, strict=True)],
        plug_in=[_row(one, other, top) for one, other in zip(plain, usual, strict=True)],
        false_promotions=[nothing.reached(rung) for rung in range(1, top + 1)],
        decay=[
            *(_decay(f"drawdown {limit:g}R", claim, how, limit=limit) for limit in LIMITS),
            _decay(f"decay 1 in {alarm:,.0f}", claim, how, alarm=alarm),
        ],
        dying=_dying(policy, how),
        peeking=peeking(policy, paths=paths, trades=min(trades, 500), seed=seed),
    )


def _row(found: Simulated, usual: Simulated, top: int) -> EdgeRow:
    return EdgeRow(
        edge=found.edge,
        reached=[found.reached(rung) for rung in range(1, top + 1)],
        top_trade=found.median_trade(top),
        pnl=float(found.pnl.mean()),
        drawdown=float(found.drawdown.mean()),
        usual_reached=[usual.reached(rung) for rung in range(1, top + 1)],
        usual_drawdown=float(usual.drawdown.mean()),
    )


def _decay(
    rule: str,
    claim: float,
    how: dict[str, int],
    *,
    limit: float | None = None,
    alarm: float | None = None,
) -> DecayRow:
    def alarms(edge: float, trades: int) -> np.ndarray:
        return first_alarm(
            edge,
            limit=limit,
            alarm=alarm,
            claim=claim,
            paths=how["paths"],
            trades=trades,
            seed=how["seed"],
        )

    losing, nothing = alarms(-0.10, how["trades"]), alarms(0.0, how["trades"])
    return DecayRow(
        rule=rule,
        false=float((alarms(claim, 500) <= 500).mean()),
        losing_median=int(np.median(losing)),
        losing_most=int(np.quantile(losing, 0.9)),
        nothing_median=int(np.median(nothing)),
    )


def _dying(policy: Policy, how: dict[str, int]) -> list[DyingRow]:
    edges = [BEFORE] * min(DIES_AT, how["trades"]) + [AFTER] * max(how["trades"] - DIES_AT, 0)
    never = msgspec.structs.replace(plain_policy(policy), limit=None)
    rules = {
        "no demotion": never,
        "drawdown": plain_policy(policy),
        "drawdown and decay": policy,
    }
    found = []
    for rule, used in rules.items():
        one = simulate(edges, used, **how)
        on_top = float((one.last == len(policy.risks) - 1).mean())
        found.append(DyingRow(rule=rule, pnl=float(one.pnl.mean()), on_top=on_top))
    return found
