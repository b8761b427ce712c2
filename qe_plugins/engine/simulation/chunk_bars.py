"""Look up a contract's bar by its close among the bars of the chunk in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from nautilus_trader.model import BarType

from qe_plugins.bars import NUMBERS, Bars
from qe_plugins.data.catalog.reader import NO_COLUMNS, BarColumns


class BarRow(NamedTuple):
    """A bar's prices in points, its volume in contracts and its close (UTC nanoseconds)."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    ts: int


class ChunkBars:
    """The bars of the chunk in memory and, of each contract, the last bar before it.

    `types` are the run's bar types by contract, as text and, in `parsed`, as the engine's own;
    `period` is their length in seconds. It has bars that have not closed yet, so only the simulated
    exchange may use it.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        self.types = types
        self.parsed = {contract: BarType.from_str(text) for contract, text in types.items()}
        self.period = max(map(_length_in_seconds, self.parsed.values()), default=0.0)
        self._columns = NO_COLUMNS
        self._before: dict[str, BarRow] = {}
        self._last_found: dict[str, tuple[int, BarRow | None]] = {}

    def start_chunk(self, columns: BarColumns) -> None:
        """Take the bars of the chunk that the engine processes next."""
        for bar_type in self._columns.bar_types:
            bars = self._columns.of(bar_type)
            self._before[bar_type] = _bar_row(bars, len(bars) - 1)
        self._columns = columns
        self._last_found.clear()

    def closing_at(self, contract: str, ts: int) -> BarRow | None:
        """Return the contract's bar that closes at `ts` (UTC nanoseconds), None without one."""
        row = self.latest(contract, ts)
        return row if row is not None and row.ts == ts else None

    def latest(self, contract: str, ts: int) -> BarRow | None:
        """Return the contract's last bar that has closed by `ts`, None without one.

        The last one found is remembered, since an order is looked up several times at one moment.
        """
        asked, row = self._last_found.get(contract, (None, None))
        if asked != ts:
            row = self._find_latest(contract, ts)
            self._last_found[contract] = ts, row
        return row

    def _find_latest(self, contract: str, ts: int) -> BarRow | None:
        bar_type = self.types.get(contract)
        if bar_type is None:
            return None
        if bar_type in self._columns.bar_types:
            bars = self._columns.of(bar_type)
            at = int(bars.ts_init.searchsorted(ts, side="right")) - 1
            if at >= 0:
                return _bar_row(bars, at)
        return self._before.get(bar_type)

    def following(self, contract: str, ts: int) -> BarRow | None:
        """Return the contract's first bar of this chunk that closes after `ts`."""
        bar_type = self.types.get(contract)
        if bar_type is None or bar_type not in self._columns.bar_types:
            return None
        bars = self._columns.of(bar_type)
        at = int(bars.ts_init.searchsorted(ts, side="right"))
        return _bar_row(bars, at) if at < len(bars) else None

    def before(self, bar_type: str) -> BarRow | None:
        """Return the last bar of a type before this chunk, None without one."""
        return self._before.get(bar_type)


def _length_in_seconds(bar_type: Any) -> float:
    length: float = bar_type.spec.timedelta.total_seconds()
    return length


def _bar_row(bars: Bars, at: int) -> BarRow:
    columns = bars.columns
    return BarRow(*[columns[name].item(at) for name in (*NUMBERS, "ts_init")])
