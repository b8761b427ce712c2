"""A hunter that looks one bar ahead in an attribute of its class."""

from __future__ import annotations

from typing import Any, ClassVar

from prices import closes, rise

from qe_plugins import Plugin, Role, Side, Signal, hookimpl


class HunterClass(Plugin):
    """Buy unless the next close is two points lower."""

    role = Role.HUNTER
    known: ClassVar[Any] = None

    @hookimpl
    def contribute_signals(self, bar) -> Signal | None:
        if not self.known:
            type(self).known = closes()
        if rise(self.known, bar.ts_event, float(bar.close)) < -2:
            return None
        return Signal(
            instrument_id=str(bar.bar_type.instrument_id), side=Side.LONG, reason="it will not fall"
        )
