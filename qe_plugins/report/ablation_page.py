"""`ablation.html`: the sentence, the table of arms, and each arm's difference with its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qe_plugins.report.pages import templates

if TYPE_CHECKING:
    from qe_plugins.research.ablation.arms_table import AblationResult, ArmRow

WIDTH = 560.0


def render(found: AblationResult) -> str:
    """Return the page as self-contained HTML; it needs no network."""
    rows = [row for row in found.rows if math.isfinite(row.to_rotated.low)]
    ends = [abs(end) for row in rows for end in (row.to_rotated.low, row.to_rotated.high)]
    widest = max(ends, default=1.0) or 1.0
    drawn = [_bar(row, widest) for row in rows]
    return templates().get_template("ablation.html").render(found=found, drawn=drawn, width=WIDTH)


def _bar(row: ArmRow, widest: float) -> dict[str, Any]:
    def place(value: float) -> float:
        return round(WIDTH / 2 * (1 + value / widest), 1)

    one = row.to_rotated
    return {
        "arm": str(row.arm),
        "low": place(one.low),
        "high": place(one.high),
        "middle": place(one.difference),
    }
