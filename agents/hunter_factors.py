"""Factors: follow the combined forecast of a book that a factor test has frozen.

No claim beyond the book's own: `qe factors test` says what chance would have left. The hunter is
called at every bar and proposes only at the book's decisions, in the contract of a root with the
most volume; where another one has more, it proposes to be flat.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from qe_plugins import Features, Plugin, PluginConfig, Role, Side, Signal, hookimpl

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, BarType

    from qe_plugins import History

Positive = Annotated[float, msgspec.Meta(gt=0)]

SECOND = 1_000_000_000
DEVIATION = "1m.temperature.240"
RECENT = 240
"""Bars of the last day over which the volume of contracts is compared."""

DAY = 86_400 * SECOND


class HunterFactorsConfig(PluginConfig, frozen=True):
    """`book` is a book of `qe factors combine`: its name, or its file.

    It proposes where the forecast reaches `enter`, and to be flat where it falls below `leave`; 10
    is an average forecast. `stop` is a distance in deviations of the book's horizon.
    """

    book: str = ""
    enter: Positive = 10.0
    leave: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    stop: Positive = 2.0


class HunterFactors(Plugin):
    """Proposes the side of a book's forecast."""

    role = Role.HUNTER
    Config = HunterFactorsConfig
    config: HunterFactorsConfig

    def __init__(self, config: HunterFactorsConfig) -> None:
        from qe_plugins.research.factors import provenance

        super().__init__(config)
        self.book = provenance.current(config.book)
        self.features = (*(one.name for one in self.book.factors), DEVIATION)
        self.last: dict[str, Side] = {}

    @hookimpl
    def contribute_signals(
        self, bar: Bar, cache: Cache, history: History, features: Features
    ) -> Signal | None:
        """Return a signal at a decision where the forecast asks for another side than the last."""
        from qe_plugins.research.factors.decisions import is_decision

        if not is_decision(bar.ts_event, self.book.every, self.book.session):
            return None
        contract = str(bar.bar_type.instrument_id)
        if not leads(bar, cache, history):
            return self._flat(contract, bar, "another contract has more volume", {})
        forecast = self.book.forecast(features.__getitem__)
        if not math.isfinite(forecast) or math.isnan(features[DEVIATION]):
            return None
        side = self._side(forecast)
        reason = f"a forecast of {forecast:+.1f} by book {self.book.hash}"
        facts = {"forecast": round(forecast, 3), "book": self.book.hash}
        if side is Side.FLAT:
            return self._flat(contract, bar, reason, facts)
        if side is None or side is self.last.get(contract):
            return None
        self.last[contract] = side
        instrument = cache.instrument(bar.bar_type.instrument_id)
        assert instrument is not None
        tick, entry = instrument.price_increment.as_decimal(), bar.close.as_decimal()
        deviation = math.exp(features[DEVIATION] / 2) / 1e4 * math.sqrt(self.book.horizon / 60)
        ticks = max(math.ceil(self.config.stop * deviation * float(entry) / float(tick)), 1)
        up = 1 if side is Side.LONG else -1
        return Signal(
            instrument_id=contract,
            side=side,
            reason=reason,
            confidence=min(1.0, abs(forecast) / self.book.cap),
            entry=entry,
            stop=entry - up * ticks * tick,
            facts=facts,
        )

    def _flat(self, contract: str, bar: Bar, reason: str, facts: dict[str, Any]) -> Signal | None:
        """Return the signal that ends a side proposed before, None where there is none."""
        if self.last.get(contract, Side.FLAT) is Side.FLAT:
            return None
        self.last[contract] = Side.FLAT
        return Signal(
            instrument_id=contract,
            side=Side.FLAT,
            reason=reason,
            entry=bar.close.as_decimal(),
            facts=facts,
        )

    def _side(self, forecast: float) -> Side | None:
        """Return the side that a forecast asks for, None between `leave` and `enter`."""
        if abs(forecast) >= self.config.enter:
            return Side.LONG if forecast > 0 else Side.SHORT
        return Side.FLAT if abs(forecast) < self.config.leave else None


def leads(bar: Bar, cache: Cache, history: History) -> bool:
    """Return whether no other contract of the bar's root traded more in its last bars of a day."""
    kind, since = bar.bar_type, bar.ts_event - DAY

    def root(of: BarType) -> str | None:
        instrument = cache.instrument(of.instrument_id)
        return None if instrument is None else str(instrument.underlying)

    def volume(of: BarType) -> float:
        bars = history.last(str(of), RECENT)
        return float(bars.volume[bars.ts_event > since].sum())

    same = [
        other
        for other in cache.bar_types(kind.aggregation_source)
        if other.spec == kind.spec and other != kind and root(other) == root(kind)
    ]
    return not same or volume(kind) >= max(map(volume, same))
