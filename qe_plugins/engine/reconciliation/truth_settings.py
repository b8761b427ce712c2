"""How often the broker is asked, and how long a difference may last before something is done."""

from __future__ import annotations

from typing import Literal

import msgspec

type OrphanPolicy = Literal["adopt", "cancel"]


class TruthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds.

    every       between two looks while nothing is held, working or in doubt
    exposed     between two looks while something is held or working
    gap         between the two looks that a difference needs to count
    heal        since both books were equal, for which the engine may correct a difference by itself
    ghost       for which an order may be missing at the broker, before our book was ever equal
    unresolved  for which an order may be sent and unknown at the broker before the session halts
    stuck       for which orders may be open in our book alone, with nothing held, before the
                session begins again
    blind       without a complete answer, while a contract trades, before the session halts
    protect     for which a position may be without its stop before one is placed
    """

    every: float = 3.0
    exposed: float = 2.0
    gap: float = 1.0
    heal: float = 13.0
    ghost: float = 10.0
    unresolved: float = 30.0
    stuck: float = 60.0
    blind: float = 12.0
    protect: float = 5.0
    orphans: OrphanPolicy = "adopt"
