"""Where every strategy stands, as plain data: for `qe ladder status` and for a page."""

from __future__ import annotations

from typing import Any

import msgspec

from qe_plugins.errors import QeError
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.criteria import Criterion, missing
from qe_plugins.ladder.evidence import EdgeSequence, edge_sequence, evidence_needed
from qe_plugins.ladder.on_ladder import OnLadder, read
from qe_plugins.ladder.plan import DAYS, to_go
from qe_plugins.ladder.rungs import load_ladder
from qe_plugins.ladder.state import histories


class LadderRow(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy on its ladder.

    `edge` is the mean of its `trades` in R, inside `sequence` with 95%. `evidence` is the e-value,
    `needed` what the next rung asks for. `drawdown` and `limit` are in R; `decay` and `alarm` are
    of the detector. `trades_to_go` is a median if the claim is true, `years_to_go` its calendar.
    """

    name: str
    rung: str
    state: str
    version: str
    above: str = ""
    proposal: str = ""
    trades: int = 0
    edge: float | None = None
    sequence: EdgeSequence | None = None
    claim: float = 0.0
    evidence: float = 1.0
    needed: float | None = None
    starts: int = 1
    streak: int = 0
    missing: list[str] = []
    criteria: list[Criterion] = []
    trades_to_go: int | None = None
    years_to_go: float | None = None
    drawdown: float = 0.0
    limit: float = 0.0
    decay: float = 0.0
    alarm: float = 0.0
    error: str = ""


def ladder_panel(
    journal: Journal, name: str | None = None, *, expected: bool = True
) -> list[LadderRow]:
    """Return where every strategy of the journal stands, or the one of a name.

    Without `expected` the trades to go, which are simulated, are left out. A strategy whose
    ladder's file cannot be read is a row with its error. Raises JournalError.
    """
    rows = []
    for strategy, history in histories(journal).items():
        if name not in (None, strategy):
            continue
        last = history[-1].transition
        try:
            found = read(journal, load_ladder(last.ladder), strategy)
            rows.append(row_of(found, expected=expected))
        except QeError as error:
            rows.append(
                LadderRow(
                    name=strategy,
                    rung=last.after,
                    state=str(last.event),
                    version=last.version,
                    error=str(error),
                )
            )
    return rows


def row_of(found: OnLadder, *, expected: bool = True) -> LadderRow:
    """Return a strategy on its ladder as plain data; `expected` as in `ladder_panel`."""
    measured, standing = found.measured, found.standing
    promotion = found.ladder.rules.promotion(found.place)
    needed = to = None
    if promotion is not None and promotion.evidence is not None:
        needed = evidence_needed(promotion.evidence, standing.starts)
        least = (promotion.trades or 0) - len(measured.on_rung)
        if expected:
            to = to_go(measured.evidence, measured.claim, needed, least)
    above = found.above
    pending = standing.pending
    return LadderRow(
        name=found.name,
        rung=found.rung.name,
        state=standing.state,
        version=standing.version,
        above="" if above is None else above.name,
        proposal="" if pending is None else pending.id,
        trades=len(measured.outcomes),
        edge=measured.evidence.mean,
        sequence=edge_sequence(measured.outcomes) if measured.outcomes else None,
        claim=measured.claim.edge,
        evidence=measured.evidence.value,
        needed=needed,
        starts=standing.starts,
        streak=measured.streak,
        missing=missing(found.criteria),
        criteria=found.criteria,
        trades_to_go=to,
        years_to_go=None if to is None else to / measured.claim.a_day / DAYS,
        drawdown=measured.decay.drawdown,
        limit=measured.decay.limit,
        decay=measured.decay.doubt,
        alarm=measured.decay.alarm,
    )


def demotion_line(row: LadderRow) -> str:
    """Return how far a strategy is from its demotion, such as `drawdown 3.1R of 30.5R`."""
    decay = f", decay {row.decay:,.0f} of {row.alarm:,.0f}" if row.claim > 0 else ""
    return f"drawdown {row.drawdown:.1f}R of {row.limit:.1f}R{decay}"


def as_json(rows: list[LadderRow]) -> list[dict[str, Any]]:
    """Return rows as plain data."""
    found: list[dict[str, Any]] = msgspec.to_builtins(rows)
    return found
