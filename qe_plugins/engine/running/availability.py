"""Check that a contract or bar type is in the data: no other subscription receives events."""

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
    """The contracts and bar types of one data set, and the root of each front by its id."""

    def __init__(
        self, contracts: list[str], bar_types: list[str], fronts: dict[str, str] | None = None
    ) -> None:
        self._contracts, self._bar_types, self.fronts = contracts, bar_types, fronts or {}

    @property
    def instruments(self) -> list[str]:
        """Return the ids of the contracts and of the fronts."""
        return self._contracts

    def check_instrument(self, text: str, where: str) -> None:
        """Raise DataError, naming the right form, unless `text` is a contract of the data."""
        chosen_contracts([text], self._contracts, lambda _: where)

    def check_bars(self, text: str, where: str) -> None:
        """Raise DataError unless these bars are in the data or are aggregated from data in it."""
        try:
            bar_type = BarType.from_str(text)
        except ValueError as error:
            raise DataError(f"'{text}' is no bar type: {error}.", where=where) from error
        self.check_instrument(str(bar_type.instrument_id), where)
        source = bar_type.composite() if bar_type.is_composite() else bar_type
        if source.is_externally_aggregated() and str(source) not in self._bar_types:
            hint = did_you_mean(str(source), self._bar_types)
            raise DataError(f"the data has no bars {source}.", where=where, hint=hint)

    def check_settings(self, loaded: Loaded, entry: StrategyEntry) -> None:
        """Check the settings whose names say that they are contracts or bar types.

        Raises DataError with the place of the setting.
        """
        for key, text in texts(entry.settings):
            where = loaded.where(*entry.keys, key)
            if key in INSTRUMENTS:
                self.check_instrument(text, where)
            elif key in BAR_TYPES:
                self.check_bars(text, where)
