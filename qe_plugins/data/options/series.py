"""Stored option chains as series of a run: quotes of each option, and the futures' minute bars.

Both are written once as a catalog into the cache, for each selection of options and days.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.option_chains import GeneratedChains, OptionChains
from qe_plugins.data.catalog.build_cache import cached
from qe_plugins.data.catalog.catalog import (
    Catalog,
    CatalogSeries,
    RecordKind,
    open_catalog,
    open_series,
)
from qe_plugins.data.catalog.selection import Where
from qe_plugins.data.catalog.writer import bar_table, quote_table, write_series
from qe_plugins.data.dbn.instruments import futures_contract
from qe_plugins.data.options import generated as generator
from qe_plugins.data.options import store
from qe_plugins.errors import DataError, did_you_mean
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.definitions import definition_by_rules
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.listed_options import SECOND, ListedOption

FORM = "3"  # version of the catalogs below; a change writes every one again
CENTS = 100
MINUTE_BARS = "1-MINUTE-LAST-EXTERNAL"
CACHE = "option_chains"


class OptionSeries(msgspec.Struct, frozen=True):
    """The options of a run that have a quote in it, by id in order, and their quotes."""

    contracts: tuple[ListedOption, ...]
    quotes: tuple[CatalogSeries, ...]


def open_quotes(chains: OptionChains, start: int, end: int, where: Where) -> OptionSeries:
    """Return the quotes of the wanted options from `start` to before `end` (UTC ns).

    A side without a price has size 0: a bid of 0, an ask as it was last or, where that is below the
    bid, at the bid. A crossed quote has no size on either side. Quotes from an option's expiry on
    are left out. Raises DataError where no option or no quote is left.
    """
    place, days = where("options"), _days(chains.root, start, end, where)
    opens = int(datetime.combine(days[0], datetime.min.time(), CHICAGO).timestamp()) * SECOND
    chosen = _chosen(chains, store.stored_contracts(chains.root), opens, place)
    key = _key("quotes", chains, days, str(start), str(end))
    series = cached(
        CACHE,
        key,
        build=lambda folder: _write_quotes(chains, days, chosen, (start, end), folder),
        read=lambda folder: open_series(folder, RecordKind.QUOTES, place),
    )
    return _of_run(chosen, series, place)


def open_generated(
    chains: OptionChains,
    generated: GeneratedChains,
    bars: Sequence[CatalogSeries],
    window: tuple[int, int],
    where: Where,
) -> OptionSeries:
    """Return generated quotes of options on the futures of series of generated bars.

    `window` has the first and last moment (UTC ns, the last exclusive). Raises DataError as
    `open_quotes` does.
    """
    place = where("options")
    closes = generator.closes_by_future(bars)
    first = {name: rows["price"].item(0) for name, rows in closes.items()}
    every = generator.listed_options(generated, chains.root, first, *window)
    chosen = _chosen(chains, {one.symbol: one for one in every}, window[0], place)
    known = (FORM, window, [one.file_states for one in bars], chains)
    key = hashlib.sha256(msgspec.json.encode(known)).hexdigest()[:32]

    def build(folder: Path) -> None:
        (folder / "data").mkdir()
        for one, rows in generator.quotes_of(generated, chosen.values(), closes):
            _write_one(one, rows.filter(_within(window)), folder)

    series = cached(
        CACHE, key, build=build, read=lambda folder: open_series(folder, RecordKind.QUOTES, place)
    )
    return _of_run(chosen, series, place)


def _of_run(
    chosen: Mapping[str, ListedOption], series: Sequence[CatalogSeries], place: str
) -> OptionSeries:
    """Return the options that have quotes. Raises DataError where none has."""
    by_id = {one.id: one for one in chosen.values()}
    found = tuple(one for one in series if one.groups)
    if not found:
        raise DataError(
            f"no quote of {len(chosen)} chosen options in the run.",
            where=place,
            hint="Widen 'start' and 'end', or the filters.",
        )
    return OptionSeries(tuple(by_id[one.contract] for one in found), found)


def open_futures(chains: OptionChains, where: Where) -> Catalog:
    """Return the minute bars of the futures that were imported beside the chains of a root.

    Raises DataError where none are stored.
    """
    place = where("options")
    days = _stored(chains.root, where)
    return cached(
        CACHE,
        _key("futures", OptionChains(root=chains.root), days),
        build=lambda folder: _write_futures(chains.root, days, folder),
        read=lambda folder: open_catalog(folder, place),
    )


def _days(root: str, start: int, end: int, where: Where) -> list[date]:
    stored = _stored(root, where)
    first, last = store.utc_day(start), store.utc_day(end - 1)
    days = [one for one in stored if first <= one <= last]
    if not days:
        raise DataError(
            f"no option chain of {root} from {first} to {last}.",
            where=where("options"),
            hint=f"The store has {stored[0]} to {stored[-1]}.",
        )
    return days


def _stored(root: str, where: Where) -> list[date]:
    """Return the days of a root's chains in the store. Raises DataError where there is none."""
    if days := store.stored_days(root):
        return days
    raise DataError(
        f"no option chain of {root} is stored.",
        where=where("options"),
        hint=store.import_hint(root),
    )


def _key(kind: str, chains: OptionChains, days: Sequence[date], *more: str) -> str:
    parts = [FORM, kind, store.fingerprint(chains.root, days), *more]
    text = "\n".join(parts).encode() + msgspec.json.encode(chains)
    return hashlib.sha256(text).hexdigest()[:32]


def _chosen(
    chains: OptionChains, every: Mapping[str, ListedOption], opens: int, place: str
) -> dict[str, ListedOption]:
    """Return the options that pass every filter, by symbol. Raises DataError without any.

    `opens` is the first moment of the run (UTC ns).
    """
    for symbol in chains.symbols:
        if symbol not in every:
            hint = did_you_mean(symbol, list(every)) or "See them with 'qe options chain'."
            raise DataError(f"no option {symbol!r} is stored.", where=place, hint=hint)
    within = chains.expires_within
    until = None if within is None else opens + int(within) * SECOND
    low, high = chains.lowest_strike, chains.highest_strike
    found = {
        symbol: one
        for symbol, one in every.items()
        if (not chains.symbols or symbol in chains.symbols)
        and (not chains.products or one.product in chains.products)
        and (not chains.expiries or one.expires.astimezone(CHICAGO).date() in chains.expiries)
        and (until is None or one.expiry <= until)
        and (low is None or one.strike >= low)
        and (high is None or one.strike <= high)
    }
    if not found:
        raise DataError(
            f"no option on {chains.root} passes the filters.",
            where=place,
            hint=f"There are {len(every)} options; widen the filters.",
        )
    return found


def _write_quotes(
    chains: OptionChains,
    days: Sequence[date],
    chosen: Mapping[str, ListedOption],
    window: tuple[int, int],
    folder: Path,
) -> None:
    (folder / "data").mkdir()
    frames = [store.load(chains.root, day).quotes for day in days]
    rows = pl.concat(frames).filter(pl.col("symbol").is_in(list(chosen)), _within(window))
    for symbol, own in _by_name(rows, "symbol"):
        _write_one(chosen[symbol], own, folder)


def _write_one(option: ListedOption, rows: pl.DataFrame, folder: Path) -> None:
    kept = _usable(rows).filter(pl.col("ts") < option.expiry)
    if kept.height:
        bid, ask = (_whole(kept[name] * CENTS) for name in ("bid", "ask"))
        sizes = (_whole(kept[name]) for name in ("bid_size", "ask_size"))
        table = quote_table(bid, ask, *sizes, stamps=kept["ts"].to_numpy())
        write_series(folder, RecordKind.QUOTES, option.id, table)


def _within(window: tuple[int, int]) -> pl.Expr:
    return pl.col("ts").is_between(*window, closed="left")


def _usable(quotes: pl.DataFrame) -> pl.DataFrame:
    """Return an option's quotes in time order with both prices, from its first ask on.

    A side without a price has size 0, and so have both sides of a crossed quote: it ends the quote
    before it, and nothing fills on it.
    """
    bid, ask = pl.col("bid"), pl.col("ask")
    known, crossed = pl.when(ask > 0).then(ask), ((ask > 0) & (bid > ask)).fill_null(False)
    return (
        quotes.sort("ts", maintain_order=True)
        .with_columns(
            pl.when((price > 0) & ~crossed).then(size).otherwise(0).fill_null(0).alias(size)
            for price, size in ((bid, "bid_size"), (ask, "ask_size"))
        )
        .with_columns(
            pl.when(bid > 0).then(bid).otherwise(0.0).alias("bid"),
            known.forward_fill().alias("ask"),
        )
        .filter(ask.is_not_null())
        .with_columns(pl.max_horizontal("bid", "ask").alias("ask"))
    )


def _write_futures(root: str, days: Sequence[date], folder: Path) -> None:
    rows = pl.concat([store.load(root, day).bars for day in days])
    contracts = []
    for name, own in _by_name(rows, "future"):
        contracts.append(_future(name, own["ts"].item(0)))
        bars = own.unique("ts", keep="last").sort("ts")
        prices = [_whole(bars[one] * CENTS) for one in ("open", "high", "low", "close")]
        table = bar_table(prices, _whole(bars["volume"]), bars["ts"].to_numpy())
        write_series(folder, RecordKind.BARS, f"{contracts[-1].id}-{MINUTE_BARS}", table)
    if not contracts:
        raise DataError(
            f"no bars of {root} futures are stored beside its options.",
            where="options",
            hint="Import their bars, too, or name 'dbn:' or 'catalog:' beside 'options:'.",
        )
    ParquetDataCatalog(str(folder)).write_instruments(contracts)


def _by_name(rows: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.DataFrame]]:
    for (name,), own in sorted(rows.partition_by(column, as_dict=True).items()):
        yield str(name), own


def _whole(column: pl.Series) -> np.ndarray:
    found: np.ndarray = column.round().cast(pl.Int64).to_numpy()
    return found


def _future(name: str, ts: int) -> FuturesContract:
    """Return a future by the exchange's rules, known since `ts` (UTC ns)."""
    key = dated_key(name, datetime.fromtimestamp(ts // SECOND, CHICAGO).date())
    assert key is not None
    return futures_contract(definition_by_rules(key, ts))
