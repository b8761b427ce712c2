"""The chain of a root from the quotes that a running engine's cache has, at its moment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import polars as pl
from nautilus_trader.model import BarType, OptionContract

from qe_plugins.data.options.frames import BARS, FUTURES, QUOTES, ChainData
from qe_plugins.market.contract_key import root_of_name
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.listed_options import ListedOption, named_option

SECOND = 1_000_000_000


def listed_option(instrument: Any) -> ListedOption:
    """Return the listed option of an engine's instrument. Raises DataError where it is none."""
    day = datetime.fromtimestamp(instrument.expiration_ns // SECOND, UTC).astimezone(CHICAGO).date()
    return named_option(str(instrument.id.symbol), day)


class CachedOptions:
    """The options on futures of a root that an engine trades, and their quotes.

    `cache` is the engine's; `bar_spec` names the bars of the futures whose closes are their prices.
    """

    def __init__(self, cache: Any, root: str, bar_spec: str = "1-MINUTE-LAST") -> None:
        self._cache, self._root, self._bar_spec = cache, root, bar_spec
        self.by_symbol: dict[str, ListedOption] = {}
        self.ids: dict[str, Any] = {}
        for one in cache.instruments():
            if isinstance(one, OptionContract) and root_of_name(one.underlying) == root:
                option = listed_option(one)
                self.by_symbol[option.symbol] = option
                self.ids[option.symbol] = one.id

    def chain_data(self, symbols: Iterable[str] | None = None) -> ChainData:
        """Return the last quotes of options, all of them by default, and their futures' prices."""
        rows, futures = [], {}
        for symbol in self.by_symbol if symbols is None else symbols:
            option = self.by_symbol[symbol]
            futures[option.underlying] = option.underlying_id
            if (quote := self._cache.quote(self.ids[symbol])) is not None:
                rows.append((quote.ts_init, symbol, *_two_sides(quote)))
        known = [
            (price[0], future, price[1])
            for future, name in futures.items()
            if (price := self.future_price(name)) is not None
        ]
        return ChainData(
            root=self._root,
            contracts=self.by_symbol,
            known={},
            quotes=pl.DataFrame(rows, schema=QUOTES, orient="row").sort("ts"),
            futures=pl.DataFrame(known, schema=FUTURES, orient="row").sort("ts"),
            bars=pl.DataFrame(schema=BARS),
            refused={},
        )

    def future_price(self, name: str) -> tuple[int, float] | None:
        """Return when a future's last bar closed (UTC ns), and its close; None without one."""
        bar = self._cache.bar(BarType.from_str(f"{name}-{self._bar_spec}-EXTERNAL"))
        return None if bar is None else (bar.ts_init, bar.close.as_double())


def _two_sides(quote: Any) -> tuple[float | None, float | None, float, float]:
    """Return bid, ask and their sizes; a side without contracts is not quoted."""
    bid_size, ask_size = quote.bid_size.as_double(), quote.ask_size.as_double()
    bid = quote.bid_price.as_double() if bid_size > 0 else None
    ask = quote.ask_price.as_double() if ask_size > 0 else None
    return bid, ask, bid_size, ask_size
