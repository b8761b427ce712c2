"""A hunter with a state, a seed and a file that it reads when it is made."""

from __future__ import annotations

import json
import random
from pathlib import Path

from qe_plugins import Plugin, Role, Side, Signal, hookimpl

THRESHOLD = json.loads((Path(__file__).parent.parent / "settings.json").read_text())["move"]


class HunterHonest(Plugin):
    """Go with a move of three bars, most of the time."""

    role = Role.HUNTER

    def __init__(self, config=None) -> None:
        super().__init__(config)
        self.draw = random.Random(7)
        self.closes: dict[str, list[float]] = {}

    @hookimpl
    def contribute_signals(self, bar) -> Signal | None:
        kept = self.closes.setdefault(str(bar.bar_type), [])
        kept.append(float(bar.close))
        moved = kept[-1] - kept[-4] if len(kept) > 3 else 0.0
        if abs(moved) < THRESHOLD or self.draw.random() < 0.3:
            return None
        side = Side.LONG if moved > 0 else Side.SHORT
        return Signal(
            instrument_id=str(bar.bar_type.instrument_id), side=side, reason=f"moved {moved}"
        )
