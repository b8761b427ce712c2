"""A contract's market at a moment: its last price, and whether it can be traded."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from qe_plugins.engine.contracts.instruments import root_of
from qe_plugins.market.sessions import next_session, trading_window

if TYPE_CHECKING:
    from qe_plugins.config.schema import FillRules
    from qe_plugins.engine.simulation.chunk_bars import ChunkBars

SECOND = 1_000_000_000


class MarketState:
    """The state of the markets of a run. `bars` is None where quotes or trades drive them.

    A contract without bars, such as an option, is driven by its quotes in any run.

    `ends` has the time of each contract's last record (UTC nanoseconds): the last price is never
    stale, since an order would wait for a next one for ever.
    """

    def __init__(
        self, cache: Any, rules: FillRules, bars: ChunkBars | None, ends: Mapping[str, int]
    ) -> None:
        self.cache, self.bars, self._ends = cache, bars, ends
        self.next_open = rules.market == "next_open"
        self._stale_after = int(rules.stale_after * SECOND)
        self._spans: dict[str, tuple[int, int]] = {}

    def price(self, contract: Any, ts: int, *, buys: bool) -> tuple[Decimal, int] | None:
        """Return a contract's last price in points for a side, and its time (UTC nanoseconds).

        None before the first price.
        """
        if self.bars is not None and self.has_bars(contract):
            row = self.bars.latest(str(contract), ts)
            return None if row is None else (Decimal(repr(row.close)), row.ts)
        quote = self.cache.quote(contract)
        if quote is not None:
            side = quote.ask_price if buys else quote.bid_price
            return side.as_decimal(), quote.ts_init
        trade = self.cache.trade(contract)
        return None if trade is None else (trade.price.as_decimal(), trade.ts_init)

    def has_bars(self, contract: Any) -> bool:
        """Return whether bars drive a contract's market."""
        return self.bars is not None and str(contract) in self.bars.types

    def waits_for_open(self, contract: Any) -> bool:
        """Return whether orders in a contract reach the market at its next opening price."""
        return self.next_open and (self.bars is None or self.has_bars(contract))

    def is_tradable(self, contract: Any, ts: int) -> bool:
        """Return whether a contract's market is open and its price is not stale."""
        known = self.price(contract, ts, buys=True)
        if known is None or not self.is_open(contract, ts):
            return False
        return ts - known[1] <= self._stale_after or ts > self._ends.get(str(contract), ts)

    def is_open(self, contract: Any, ts: int) -> bool:
        """Return whether a contract's market is open at `ts` (UTC nanoseconds)."""
        since, until = self._span(root_of(self.cache.instrument(contract)), ts)
        return since <= ts < until

    def closes_now(self, contract: Any, ts: int) -> bool:
        """Return whether a bar of a contract closes at `ts` that strategies have not received."""
        if self.bars is None or (row := self.bars.closing_at(str(contract), ts)) is None:
            return False
        received = self.cache.bar(self.bars.parsed[str(contract)])
        return received is None or received.ts_init < row.ts

    def session_ends(self, contract: Any, ts: int) -> int | None:
        """Return when the session at `ts`, or the next one, closes; None for an unknown root."""
        root = root_of(self.cache.instrument(contract))
        if trading_window(root, ts) is None:
            return None
        return int(next_session(root, ts).close.timestamp()) * SECOND

    def _span(self, root: str, ts: int) -> tuple[int, int]:
        span = self._spans.get(root)
        if span is None or not span[0] <= ts < span[1]:
            span = self._spans[root] = trading_window(root, ts) or (0, 2**63 - 1)
        return span
