"""The ladder on a page of the Observatory: rung, evidence, what is missing, demotion line."""

from __future__ import annotations

from qe_plugins import Plugin, hookimpl
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.panel import LadderRow, demotion_line, ladder_panel
from qe_plugins.plugins.types import Panel

PAGE = "mission_control"
COLUMNS = ("strategy", "rung", "edge", "evidence", "missing", "demotion")


class LadderPanel(Plugin):
    """Shows where every strategy stands on its ladder."""

    @hookimpl
    def dashboard_panels(self, page: str) -> Panel | None:
        """Return the panel of the page, None for another page and where no strategy is on one."""
        if page != PAGE or not Journal.exists():
            return None
        with Journal.open() as journal:
            rows = ladder_panel(journal, expected=False)
        if not rows:
            return None
        return Panel(title="Validation ladder", columns=COLUMNS, rows=tuple(map(_cells, rows)))


def _cells(row: LadderRow) -> tuple[str, ...]:
    if row.error:
        return (row.name, row.rung, "", "", row.error, "")
    edge = "no trade yet" if row.edge is None else f"{row.edge:+.2f}R over {row.trades:,}"
    needed = "" if row.needed is None else f"{row.evidence:.3g} of {row.needed:g}"
    missing = "; ".join(row.missing) or "nothing"
    return (row.name, f"{row.rung}, {row.state}", edge, needed, missing, demotion_line(row))
