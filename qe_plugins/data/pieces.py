"""The bars of a piece of the tape as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from qe_plugins.bars import NUMBERS, STAMPS, Bars
from qe_plugins.data.counting import times
from qe_plugins.data.decimals import floats


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
            found = {name: times(table, name) for name in STAMPS}
            found |= zip(NUMBERS, floats(table, *NUMBERS), strict=True)
            if (np.diff(found["ts_init"]) < 0).any():
                order = np.argsort(found["ts_init"], kind="stable")
                found = {name: column[order] for name, column in found.items()}
            self._made[bar_type] = Bars(bar_type, found)
        return self._made[bar_type]

    def of_contract(self, contract: str) -> list[Bars]:
        """Return the bars of a contract, of every type that there is."""
        return [self.of(one) for one in self._tables if one.partition("-")[0] == contract]


NO_COLUMNS = Columns({})
