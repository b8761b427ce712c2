"""What a promotion needs and what is there: one line for each criterion, from the journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.ladder.claims import Claim, claim_of
from qe_plugins.ladder.decay import Decay
from qe_plugins.ladder.evidence import EdgeEvidence, evidence_needed, evidence_of
from qe_plugins.ladder.outcomes import LadderSession, StrategyRecords, outcomes_of
from qe_plugins.ladder.rungs import BACKTEST, Ladder, LadderRung, Promotion, WrittenClaim
from qe_plugins.ladder.state import Standing
from qe_plugins.market.specs import margins, market


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a promotion needs, as text, and what was found."""

    name: str
    needed: str
    found: str
    met: bool


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy has shown on its rung and in its e-process.

    `outcomes` are those of the evidence, `on_rung` those since the rung began, in R.
    """

    claim: Claim
    outcomes: list[float]
    on_rung: list[float]
    evidence: EdgeEvidence
    decay: Decay
    sessions: list[LadderSession]

    @property
    def streak(self) -> int:
        """Return the number of live sessions with a clean parity check, back to one without."""
        count = 0
        for session in reversed(self.sessions):
            if session.parity != "clean":
                break
            count += 1
        return count


def measure(
    ladder: Ladder, standing: Standing, records: StrategyRecords, claim: Claim | None = None
) -> Measured:
    """Return what the journal shows of a strategy since its e-process and its rung began.

    `claim` is that of its configuration's book, where it has one.
    """
    claim = believed(ladder, standing, claim)
    trades = records.live_trades
    mine = [one for one in trades[standing.since :] if one.version in standing.versions]
    since_rung = trades[standing.on_rung_since :]
    on_rung = outcomes_of([one for one in since_rung if one.version in standing.versions])
    sessions = [
        one
        for one in records.sessions
        if one.counts and one.rung == standing.rung and one.run_id > standing.on_rung_from
    ]
    outcomes = outcomes_of(mine)
    rules = ladder.rules.demote
    decay = Decay(claim, rules.drawdown, rules.false_alarm_trades)
    for outcome in on_rung:
        decay.add(outcome)
    return Measured(
        claim=claim,
        outcomes=outcomes,
        on_rung=on_rung,
        evidence=evidence_of(claim, outcomes),
        decay=decay,
        sessions=sessions,
    )


def believed(ladder: Ladder, standing: Standing, given: Claim | None = None) -> Claim:
    """Return the claim: on a rung the confirmed one, else the one given, else the file's.

    Without any it has no edge.
    """
    confirmed = msgspec.convert(standing.claim, Claim) if standing.claim else None
    if confirmed is not None and (standing.rung != BACKTEST or given is None):
        return confirmed
    if given is not None:
        return given
    if isinstance(ladder.rules.claim, WrittenClaim):
        return claim_of(ladder.rules, ladder.rules.claim)
    return Claim(edge=0.0)


def criteria_of(
    ladder: Ladder, standing: Standing, records: StrategyRecords, measured: Measured
) -> list[Criterion]:
    """Return the criteria of the promotion from a strategy's rung; none on the highest one."""
    rules = ladder.rules
    place = rules.index(standing.rung)
    needed = rules.promotion(place)
    if needed is None:
        return []
    found = [*_from_claim(needed, measured), *_from_trades(needed, standing, measured)]
    return [*found, *_always(records)]


def _from_claim(needed: Promotion, measured: Measured) -> Iterator[Criterion]:
    checks = measured.claim.checks
    if needed.family_wise is not None:
        yield _check("family_wise", "yes", "yes" if checks.get("family_wise") else "no")
    if needed.lockbox is not None:
        yield _check("lockbox", "passed", str(checks.get("lockbox", "no lockbox")))
    if needed.deflated_sharpe is not None:
        sharpe = float(checks.get("deflated_sharpe", 0.0))
        yield Criterion(
            name="deflated_sharpe",
            needed=f"at least {needed.deflated_sharpe:.0%}",
            found=f"{sharpe:.1%}",
            met=sharpe >= needed.deflated_sharpe,
        )
    if (above := needed.capacity_above) is not None:
        contracts = int(checks.get("capacity", 0))
        yield Criterion(
            name="capacity",
            needed=f"above {above[0]} {above[1]}",
            found=f"{contracts} {above[1]}",
            met=contracts > above[0],
        )
    if needed.contaminated is not None:
        yield _check("contaminated", "never", "yes" if checks.get("contaminated") else "never")
    if needed.options_backtest is not None:
        yield _check("options_backtest", "passed", str(checks.get("options_backtest", "missing")))
    if needed.lockbox is not None:
        edge = measured.claim.edge
        yield Criterion(
            name="edge", needed="above 0 R", found=f"{edge:+.3f} R claimed", met=edge > 0
        )


def _from_trades(needed: Promotion, standing: Standing, measured: Measured) -> Iterator[Criterion]:
    if needed.evidence is not None:
        threshold = evidence_needed(needed.evidence, standing.starts)
        value = measured.evidence.value
        starts = f" ({needed.evidence:g} x {standing.starts} starts)" if standing.starts > 1 else ""
        yield Criterion(
            name="evidence",
            needed=f"{threshold:g}{starts}",
            found=f"{value:.3g}",
            met=value >= threshold,
        )
    if needed.trades is not None:
        yield _count("trades", needed.trades, len(measured.on_rung))
    if needed.sessions is not None:
        yield _count("sessions", needed.sessions, len(measured.sessions))
    if needed.clean_sessions is not None:
        yield Criterion(
            name="parity_clean",
            needed=f"{needed.clean_sessions} sessions in a row",
            found=str(measured.streak),
            met=measured.streak >= needed.clean_sessions,
        )
    if needed.slippage is not None:
        yield _slippage(measured)
    if needed.incidents is not None:
        halts = sum(len(one.halts) for one in measured.sessions)
        yield Criterion(
            name="incidents",
            needed=f"at most {needed.incidents}" if needed.incidents else "none",
            found=str(halts),
            met=halts <= needed.incidents,
        )


def _always(records: StrategyRecords) -> Iterator[Criterion]:
    """Yield what every promotion needs: the last parity check is not red."""
    checked = [one for one in records.sessions if one.parity != "unchecked"]
    state = checked[-1].parity if checked else "no check yet"
    yield Criterion(name="parity", needed="not red", found=state, met=state != "red")


def _slippage(measured: Measured) -> Criterion:
    """Compare the mean slippage of live trades, in ticks, with twice the model's of a fill."""
    paid: list[Decimal] = []
    allowed: list[Decimal | None] = []
    for session in measured.sessions:
        for trade in session.trades:
            if trade.slippage is not None:
                paid.append(trade.slippage / _tick(trade.rung))
                allowed.append(session.allowed_slippage)
    known = [one for one in allowed if one is not None]
    needed = "at most the model's"
    if not paid or len(known) < len(allowed):
        what = "no slippage measured" if not paid else "the model depends on volume"
        return Criterion(name="slippage", needed=needed, found=what, met=False)
    mean, most = sum(paid) / len(paid), sum(known) / len(known)
    return Criterion(
        name="slippage",
        needed=f"at most {most:.2f} ticks a trade",
        found=f"{mean:.2f}",
        met=mean <= most,
    )


def _tick(rung: str) -> Decimal:
    return market(rung.split(" ")[-1]).tick


def _check(name: str, needed: str, found: str) -> Criterion:
    return Criterion(name=name, needed=needed, found=found, met=found == needed)


def _count(name: str, needed: int, found: int) -> Criterion:
    return Criterion(name=name, needed=str(needed), found=str(found), met=found >= needed)


def account_needed(rung: LadderRung, on: date) -> tuple[Decimal, str]:
    """Return the least equity in USD for a rung, and why: the ladder's figure, or its margin."""
    if rung.root is None:
        return rung.account, f"{rung.name} asks for {rung.account:,.0f} USD"
    margin = margins(rung.root, on).initial * rung.max_contracts
    if margin > rung.account:
        return margin, f"the initial margin of {rung.name} is {margin:,.0f} USD"
    return rung.account, f"{rung.name} asks for {rung.account:,.0f} USD"


def missing(criteria: list[Criterion]) -> list[str]:
    """Return what a promotion still lacks, each as `evidence 1.2 of 3`."""
    return [f"{one.name}: {one.found}, needs {one.needed}" for one in criteria if not one.met]


def as_data(criteria: list[Criterion]) -> list[dict[str, Any]]:
    """Return criteria as plain data."""
    found: list[dict[str, Any]] = msgspec.to_builtins(criteria)
    return found
