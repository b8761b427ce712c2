"""A hunter that looks one bar ahead in a global that it read when it was imported."""

from __future__ import annotations

from prices import closes, rise

from qe_plugins import Plugin, Role, Side, Signal, hookimpl

CLOSES = closes()


class HunterGlobal(Plugin):
    """Buy where the next close is two points higher."""

    role = Role.HUNTER

    @hookimpl
    def contribute_signals(self, bar) -> Signal | None:
        if rise(CLOSES, bar.ts_event, float(bar.close)) < 2:
            return None
        return Signal(
            instrument_id=str(bar.bar_type.instrument_id), side=Side.LONG, reason="it will rise"
        )
