"""The bars of a piece of the tape as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from qe_plugins.bars import Bars
from qe_plugins.data.counting import times
from qe_plugins.data.decimals import floats

NUMBERS = ("open", "high", "low", "close", "volume")


class Columns:
    """The bars of a piece by type, made columns where somebody asks for them."""

    def __init__(self, tables: Mapping[str, Sequence[pa.Table]]) -> None:
        self._tables = tables
        self._made: dict[str, Bars] = {}

    @property
    def bar_types(self) -> list[str]:
        """Return the types of bars that the piece has, in the order of the tape."""
        return list(self._tables)

    def of(self, bar_type: str) -> Bars:
        """Return the bars of a type, oldest first. Raises KeyError where there are none."""
        if bar_type not in self._made:
            table = pa.concat_tables(self._tables[bar_type])
            closed, heard = (times(table, name) for name in ("ts_event", "ts_init"))
            found = [closed, heard, *floats(table, *NUMBERS)]
            if (np.diff(heard) < 0).any():
                order = np.argsort(heard, kind="stable")
                found = [column[order] for column in found]
            self._made[bar_type] = Bars(bar_type, *found)
        return self._made[bar_type]

    def of_contract(self, contract: str) -> list[Bars]:
        """Return the bars of a contract, of every type that there is."""
        return [self.of(one) for one in self._tables if one.partition("-")[0] == contract]


NO_COLUMNS = Columns({})
