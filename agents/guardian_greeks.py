"""Limits on options as one position: Greeks, the worst scenario, and no short option alone.

An order is judged by the position it would leave if it filled together with every working sale:
working purchases may never fill, so they protect nothing. Where a volatility is unknown, because a
leg is not quoted or parity is broken, the risk is unknown, and the order is vetoed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from qe_plugins import OrderRequest, Plugin, PluginConfig, Role, Rung, Veto, hookimpl
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import root_of_name
from qe_plugins.market.listed_options import ListedOption
from qe_plugins.options.chain import chain_of
from qe_plugins.options.overlay.book import OptionBook, OptionClaim
from qe_plugins.options.overlay.cached_chain import SECOND, CachedOptions
from qe_plugins.options.positions import Leg
from qe_plugins.options.quotes import QuoteRules
from qe_plugins.options.scenarios import scenario_grid
from qe_plugins.options.surface import fit_surface
from qe_plugins.options.warm_up import load_compiled_code
from qe_plugins.units import Money

if TYPE_CHECKING:
    from nautilus_trader.common import Cache

Limit = Annotated[float, msgspec.Meta(gt=0)]


class GuardianGreeksConfig(PluginConfig, frozen=True):
    """The limits of all options on a root and its futures together.

    `delta` is in futures, `gamma` in futures a 1% move of the price, `vega` in USD a volatility
    point. `worst` is the loss in the worst scenario in USD, the rung's risk where that is less.
    A short option is at least `deviations` standard deviations away until its expiry; of one expiry
    at most `short_contracts` are short; an option wider than `spread_ticks` is not traded.
    """

    delta: Limit = 1.0
    gamma: Limit = 0.5
    vega: Limit = 500.0
    worst: Money = Decimal(2_500)
    deviations: Annotated[float, msgspec.Meta(ge=0)] = 0.8
    short_contracts: Annotated[int, msgspec.Meta(ge=1)] = 10
    spread_ticks: Limit = 6.0
    bar: str = "1-MINUTE-LAST"


class GuardianGreeks(Plugin):
    """Vetoes an order in options, or in their future, that takes the position past a limit."""

    role = Role.GUARDIAN
    Config = GuardianGreeksConfig
    config: GuardianGreeksConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.options: dict[str, CachedOptions] = {}

    @hookimpl
    def engine_started(self) -> None:
        """Load the compiled code: at the first order it would take longer than a veto may."""
        load_compiled_code()

    @hookimpl
    def veto_order(
        self, order: OrderRequest, instrument: Any, cache: Cache, rung: Rung
    ) -> Veto | None:
        """Return a veto with every limit that the order would break."""
        root = root_of_name(instrument.underlying) or instrument.underlying  # or of a future
        known = self.options.get(root)
        if known is None:
            known = self.options[root] = CachedOptions(cache, root, self.config.bar)
        symbol = order.instrument_id.rpartition(".")[0]
        held = position_after(order, cache, known, root)
        if not any(one in known.by_symbol for one in held):
            return None
        if naked := unprotected(held, known.by_symbol):
            return Veto(naked)
        try:
            broken = self.broken(symbol, order, held, known, rung)
        except DataError as error:
            return Veto(f"the risk of the options is unknown: {error}")
        return Veto("; ".join(broken)) if broken else None

    def broken(
        self,
        symbol: str,
        order: OrderRequest,
        held: Mapping[str, int],
        known: CachedOptions,
        rung: Rung,
    ) -> list[str]:
        """Return the limits that a position breaks. Raises DataError where its risk is unknown."""
        expiries = {known.by_symbol[one].expiry for one in held if one in known.by_symbol}
        symbols = [name for name, one in known.by_symbol.items() if one.expiry in expiries]
        chain = chain_of(known.chain_data(symbols), order.ts, rules=QuoteRules(widest=math.inf))
        rows = {one["symbol"]: one for one in chain.options.iter_rows(named=True)}
        surface = fit_surface(chain.options, order.ts)
        for why in surface.failed.values():
            raise DataError(f"no surface: {why}.", where=symbol)
        slices = surface.slices
        found, config = [], self.config
        by_future: dict[str, list[Leg]] = defaultdict(list)
        prices: dict[str, float] = {}
        totals = dict.fromkeys(("delta", "gamma", "vega"), 0.0)
        for name, contracts in held.items():
            option = known.by_symbol.get(name)
            if option is None:
                totals["delta"] += contracts
                by_future[name].append(
                    Leg(sign=0, contracts=contracts, multiplier=multiplier_of(known))
                )
                continue
            row = rows.get(name)
            if row is None or row["vol"] is None:
                raise DataError("no volatility of this moment.", where=name)
            leg = leg_of(row, option, contracts)
            by_future[option.underlying].append(leg)
            prices[option.underlying] = row["price"]
            totals["delta"] += contracts * row["delta"]
            totals["gamma"] += contracts * row["gamma"] * row["price"] / 100
            totals["vega"] += contracts * row["vega"] * leg.multiplier
        for figure, unit in (("delta", "futures"), ("gamma", "futures a 1% move"), ("vega", "USD")):
            if abs(totals[figure]) > getattr(config, figure):
                most = getattr(config, figure)
                found.append(f"{figure} {totals[figure]:+.2f} {unit}, {most:g} are allowed")
        worst = 0.0
        for future, legs in by_future.items():
            price = prices[future] if future in prices else price_of(future, known, order.ts)
            worst += scenario_grid(legs, price, chain.rate, slices).worst
        most = min(float(config.worst), float(rung.risk))
        if worst > most:
            found.append(f"the worst scenario loses {worst:,.0f} USD, {most:,.0f} are allowed")
        if symbol in rows:
            found += self.contract_limits(rows[symbol], order)
        return found + self.concentration(held, known.by_symbol)

    def contract_limits(self, row: Mapping[str, Any], order: OrderRequest) -> list[str]:
        """Return what the order's own option breaks: its spread, and how near it is sold."""
        found, config = [], self.config
        ticks = row["spread_ticks"]
        if ticks is None or ticks > config.spread_ticks + 0.01:
            wide = "no spread" if ticks is None else f"{ticks:.0f} ticks wide"
            found.append(f"{row['symbol']} is {wide}, {config.spread_ticks:g} are allowed")
        away = row["sign"] * math.log(row["strike"] / row["price"])
        deviations = away / (row["vol"] * math.sqrt(row["years"]))
        if order.side == "SELL" and deviations < config.deviations:
            found.append(
                f"{row['symbol']} is {deviations:.2f} deviations away, "
                f"{config.deviations:g} are the least for a sale"
            )
        return found

    def concentration(
        self, held: Mapping[str, int], options: Mapping[str, ListedOption]
    ) -> list[str]:
        """Return the expiries of which too many contracts are short."""
        short: dict[int, int] = defaultdict(int)
        for name, contracts in held.items():
            if name in options and contracts < 0:
                short[options[name].expiry] -= contracts
        most = self.config.short_contracts
        return [
            f"{count} short contracts of one expiry, {most} are allowed"
            for count in short.values()
            if count > most
        ]


def position_after(
    order: OrderRequest, cache: Cache, known: CachedOptions, root: str
) -> dict[str, int]:
    """Return contracts by symbol if an order and every working sale filled.

    Those of all strategies, in options on a root and in its futures.
    """
    held: dict[str, int] = defaultdict(int)
    for one in cache.positions_open():
        held[str(one.instrument_id.symbol)] += round(float(one.signed_qty))
    for working in [*cache.orders_open(), *cache.orders_inflight()]:
        if working.is_sell and working.client_order_id.value != order.client_order_id:
            held[str(working.instrument_id.symbol)] -= int(working.leaves_qty.as_double())
    change = int(order.increase_by if order.increase_by is not None else order.quantity)
    symbol = order.instrument_id.rpartition(".")[0]
    held[symbol] += change if order.side == "BUY" else -change
    return {
        name: count
        for name, count in held.items()
        if count and (name in known.by_symbol or root_of_name(name) == root)
    }


def unprotected(held: Mapping[str, int], options: Mapping[str, ListedOption]) -> str:
    """Return which expiry has short options that no long ones protect; empty for none.

    Futures protect no option and need none here: their strategies have stops.
    """
    books: dict[int, OptionBook] = {}
    for name, contracts in held.items():
        if (option := options.get(name)) is not None:
            book = books.get(option.expiry, OptionBook(option.multiplier))
            zero = Decimal(0)
            books[option.expiry] = book.filled(OptionClaim.of(option), contracts, zero, zero)
    if all(one.is_bounded for one in books.values()):
        return ""
    return "it would leave a short option that no long one protects: buy the long one first"


def leg_of(row: Mapping[str, Any], option: ListedOption, contracts: int) -> Leg:
    """Return an evaluated option as a leg."""
    return Leg(
        sign=option.sign,
        strike=row["strike"],
        years=row["years"],
        volatility=row["vol"],
        contracts=contracts,
        multiplier=float(option.multiplier),
        american=row["american"],
        expiry=option.expiry,
    )


def price_of(future: str, known: CachedOptions, ts: int) -> float:
    """Return the price of a future of which no option is held, or even known.

    Raises DataError where it has none, or one older than those of options may be.
    """
    venue = next(iter(known.by_symbol.values())).underlying_id.rpartition(".")[2]
    found = known.future_price(f"{future}.{venue}")
    if found is None or ts - found[0] > QuoteRules().stale_minutes * 60 * SECOND:
        raise DataError("no price of this moment.", where=future)
    return found[1]


def multiplier_of(known: CachedOptions) -> float:
    """Return USD a point of a root's futures."""
    return float(next(iter(known.by_symbol.values())).multiplier)
