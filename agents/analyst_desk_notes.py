"""Show the desk's standing notes on MissionControl: `desk_notes.md` of the state folder."""

from __future__ import annotations

from qe_plugins import Panel, Plugin, Role, hookimpl
from qe_plugins.state_dir import state_dir

FILE = "desk_notes.md"
LONGEST = 4_000
"""Characters of the file that are shown."""


class AnalystDeskNotes(Plugin):
    """Adds a panel with the notes, where there are any."""

    role = Role.ANALYST

    @hookimpl
    def dashboard_panels(self, page: str) -> Panel | None:
        """Return the notes for MissionControl, None for other pages and without the file."""
        file = state_dir() / FILE
        if page != "mission_control" or not file.is_file():
            return None
        return Panel(title="Notes of the desk", markdown=file.read_text("utf-8")[:LONGEST])
