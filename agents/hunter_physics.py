"""Physics: follow a drift that spends its energy in one direction, while the hours are calm.

A rule and not a model; no claim of edge. It reads three features and is called only where its
trigger holds: the drift of half an hour is large for its noise, and the move was not a detour.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import msgspec

from qe_plugins import Features, Plugin, PluginConfig, Role, Side, Signal, hookimpl

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar

Positive = Annotated[float, msgspec.Meta(gt=0)]


class HunterPhysicsConfig(PluginConfig, frozen=True):
    """`hottest` is the largest temperature of the hours, in ln bps^2.

    `stop` is the distance to the stop in deviations of half an hour, `reward` the target in units
    of that distance.
    """

    hottest: float = 8.0
    stop: Positive = 2.0
    reward: Positive = 2.0


class HunterPhysics(Plugin):
    """Proposes to follow a drift."""

    role = Role.HUNTER
    Config = HunterPhysicsConfig
    config: HunterPhysicsConfig
    features = ("1m.drift.30", "1m.temperature.30", "1h.temperature.10")
    trigger = "abs(1m.drift.30) > 2 and 1m.efficiency.30 > 0.3"

    @hookimpl
    def contribute_signals(self, bar: Bar, cache: Cache, features: Features) -> Signal | None:
        """Return a signal in the direction of the drift, unless the hours are hot."""
        if (
            not features.known(*self.features)
            or features["1h.temperature.10"] > self.config.hottest
        ):
            return None
        drift = features["1m.drift.30"]
        instrument = cache.instrument(bar.bar_type.instrument_id)
        assert instrument is not None
        tick, entry = instrument.price_increment.as_decimal(), bar.close.as_decimal()
        deviation = math.exp(features["1m.temperature.30"] / 2) / 1e4 * math.sqrt(30)
        ticks = max(math.ceil(self.config.stop * deviation * float(entry) / float(tick)), 1)
        up = 1 if drift > 0 else -1
        return Signal(
            instrument_id=str(bar.bar_type.instrument_id),
            side=Side.LONG if up > 0 else Side.SHORT,
            reason=f"a drift of {drift:+.1f} standard errors in 30 minutes",
            confidence=min(1.0, abs(drift) / 5),
            entry=entry,
            stop=entry - up * ticks * tick,
            target=entry + up * math.ceil(ticks * self.config.reward) * tick,
            facts={"drift": round(drift, 3)},
        )
