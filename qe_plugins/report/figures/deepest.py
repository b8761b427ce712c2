"""The deepest drawdowns of session closes, with their dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from datetime import date

    from qe_plugins.report.figures.equity import AccountHistory

MOST = 10


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """One drawdown: the session of the high before it, of its lowest close, and of the new high.

    `depth` is a negative fraction, `recovered` None where there was no new high. `sessions` are
    those below the high.
    """

    high: date | None
    lowest: date
    recovered: date | None
    depth: float
    sessions: int


def drawdowns(history: AccountHistory, most: int = MOST) -> list[Drawdown]:
    """Return up to `most` drawdowns, the deepest first; `high` is None before the first session."""
    days, depths = history.sessions["session"].to_list(), history.depths.tolist()
    found: list[Drawdown] = []
    at = 0
    while at < len(depths):
        if depths[at] >= 0.0:
            at += 1
            continue
        end = next((n for n in range(at, len(depths)) if depths[n] >= 0.0), len(depths))
        lowest = min(range(at, end), key=depths.__getitem__)
        found.append(
            Drawdown(
                high=days[at - 1] if at else None,
                lowest=days[lowest],
                recovered=days[end] if end < len(days) else None,
                depth=depths[lowest],
                sessions=end - at,
            )
        )
        at = end
    return sorted(found, key=lambda one: one.depth)[:most]
