"""Is what a strategy asks for on the tape? A subscription to anything else would stay silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.model import BarType

from qe_plugins.data.catalog.selection import chosen_contracts
from qe_plugins.engine.settings.entries import texts
from qe_plugins.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.engine.settings.entries import StrategyEntry

INSTRUMENTS = ("instrument_id", "instrument_ids", "instrument", "instruments")
BAR_TYPES = ("bar_type", "bar_types")


class AvailableData:
    """The contracts and bar types of one tape, and its fronts: root by id."""

    def __init__(
        self, contracts: list[str], bar_types: list[str], fronts: dict[str, str] | None = None
    ) -> None:
        self._contracts, self._bar_types, self.fronts = contracts, bar_types, fronts or {}

    def check_instrument(self, text: str, place: str) -> None:
        """Raise DataError, naming the right form, unless `text` is a contract of the tape."""
        chosen_contracts([text], self._contracts, lambda _: place)

    def check_bars(self, text: str, place: str) -> None:
        """Raise DataError unless these bars are on the tape or are made of what is."""
        try:
            bar_type = BarType.from_str(text)
        except ValueError as error:
            raise DataError(f"'{text}' is no bar type: {error}.", where=place) from error
        self.check_instrument(str(bar_type.instrument_id), place)
        source = bar_type.composite() if bar_type.is_composite() else bar_type
        if source.is_externally_aggregated() and str(source) not in self._bar_types:
            hint = did_you_mean(str(source), self._bar_types)
            raise DataError(f"the data has no bars {source}.", where=place, hint=hint)

    def check_settings(self, loaded: Loaded, entry: StrategyEntry) -> None:
        """Check the settings that by their name are contracts or bar types."""
        for key, text in texts(entry.settings):
            place = loaded.where(*entry.keys, key)
            if key in INSTRUMENTS:
                self.check_instrument(text, place)
            elif key in BAR_TYPES:
                self.check_bars(text, place)
