"""Margin of positions with options: a scan of each future and its options together.

The scan is that of `options/margin.py`: our own, not SPAN and not a broker's figure. It is compared
with the equity, in which options count at their market value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from math import exp, isfinite, sqrt
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import InstrumentId

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.risk.last_price import last_price
from qe_plugins.market.option_terms import short_rate

if TYPE_CHECKING:
    from qe_plugins.market.listed_options import ListedOption

ZERO, CENT = Decimal(0), Decimal("0.01")
DAY = 86_400 * 10**9
YEAR = 365 * DAY
UNKNOWN_VOLATILITY = 1.0
"""Of a held option that never had a quote with a volatility, as no option beside it has either."""

NO_TIME_VALUE = 0.01
"""Volatility of an option quoted below its intrinsic value: it moves with its future."""

type Nets = Mapping[Any, Decimal]
"""Net contracts by instrument id, negative when short."""


class OptionMargins:
    """Scans of the positions of a run in options. It is `active` where the run has any."""

    def __init__(self, cache: Any, options: Iterable[ListedOption] = ()) -> None:
        self._cache = cache
        self._options = {InstrumentId.from_str(one.id): one for one in options}
        ids = {one.underlying: one.underlying_id for one in self._options.values()}
        futures = {name: InstrumentId.from_str(text) for name, text in ids.items()}
        self._futures = {name: futures[one.underlying] for name, one in self._options.items()}
        self._strikes = {name: float(one.strike) for name, one in self._options.items()}
        self._multipliers = {
            self._futures[name]: float(one.multiplier) for name, one in self._options.items()
        }
        self.active = bool(self._options)
        self._volatilities: dict[Any, float] = {}
        self._rates: dict[int, float] = {}

    def concern(self, contracts: Iterable[Any]) -> bool:
        """Return whether any of some contracts is an option."""
        return self.active and any(one in self._options for one in contracts)

    def split(self, nets: Nets) -> tuple[dict[Any, Nets], Nets]:
        """Return what is held with options by underlying future, and all the other positions."""
        groups: dict[Any, dict[Any, Decimal]] = defaultdict(dict)
        for contract, net in nets.items():
            if net and contract in self._options:
                groups[self._futures[contract]][contract] = net
        rest = {}
        for contract, net in nets.items():
            if contract in groups:
                groups[contract][contract] = net
            elif contract not in self._options:
                rest[contract] = net
        return dict(groups), rest

    def unpriced(self, contract: Any, ts: int) -> str:
        """Return why the margin of an order in a contract is unknown; empty where it is known."""
        option = self._options.get(contract)
        if option is None:
            return ""
        price = last_price(self._cache, self._futures[contract])
        if price is None:
            return f"{option.underlying} has no price yet, so the margin of {contract} is unknown"
        self._volatility(contract, float(price), ts)
        if contract not in self._volatilities:
            return f"{contract} has had no bid and ask yet, so its margin is unknown"
        return ""

    def required(self, future: Any, nets: Nets, ts: int, future_margin: Decimal) -> Decimal:
        """Return the margin of a future and its options, in dollars, before their market value.

        `future_margin` is that of one future: it sets the range of the scan's prices.
        """
        from qe_plugins.options.margin import margin_scan
        from qe_plugins.options.positions import Leg

        multiplier = self._multipliers[future]
        price = last_price(self._cache, future)
        if price is None:
            return sum((abs(net) * future_margin for net in nets.values()), ZERO)
        legs = []
        for contract, net in nets.items():
            option = self._options.get(contract)
            if option is None:
                legs.append(Leg(sign=0, contracts=float(net), multiplier=multiplier))
            elif option.expiry > ts:
                legs.append(
                    Leg(
                        sign=option.sign,
                        strike=self._strikes[contract],
                        years=(option.expiry - ts) / YEAR,
                        volatility=self._volatility(contract, float(price), ts),
                        contracts=float(net),
                        multiplier=multiplier,
                        expiry=option.expiry,
                    )
                )
        rate = self._rate(ts)
        scan = margin_scan(legs, float(price), rate, float(future_margin), multiplier)
        largest = max(scan.scan_risk, scan.short_minimum)
        return Decimal(largest).quantize(CENT, ROUND_UP)

    def value(self, nets: Nets) -> Decimal:
        """Return what options are worth: longs at the bid, shorts at the ask, in dollars."""
        total = ZERO
        for contract, net in nets.items():
            quote = self._cache.quote(contract) if contract in self._options else None
            if quote is not None:
                price = quote.bid_price if net > 0 else quote.ask_price
                total += net * decimal(price) * self._options[contract].multiplier
        return total

    def premium(self, order: Any, contracts: Decimal) -> Decimal:
        """Return what an order in an option pays, in dollars; negative where it receives."""
        option, quote = self._options.get(order.instrument_id), None
        if option is not None:
            quote = self._cache.quote(order.instrument_id)
        if option is None or quote is None:
            return ZERO
        limit = getattr(order, "price", None)
        price = limit or (quote.ask_price if order.is_buy else quote.bid_price)
        size = contracts if order.is_buy else -contracts
        return size * decimal(price) * option.multiplier

    def uncovers(self, order: Any, nets: Nets) -> bool:
        """Return whether an order sells an option that may protect a short one of its future."""
        option = self._options.get(order.instrument_id)
        if option is None or order.is_buy:
            return False
        return any(
            net < 0 and other.underlying == option.underlying
            for contract, net in nets.items()
            if (other := self._options.get(contract)) is not None
        )

    def _volatility(self, contract: Any, price: float, ts: int) -> float:
        """Return the volatility of an option's middle price, else the last one known.

        `price` is the last one of its future.
        """
        found = self._implied(contract, price, ts)
        if found is not None:
            self._volatilities[contract] = found
        if contract in self._volatilities:
            return self._volatilities[contract]
        return max(self._volatilities.values(), default=UNKNOWN_VOLATILITY)

    def _rate(self, ts: int) -> float:
        """Return the annual rate of a moment's UTC day."""
        day = ts // DAY
        if day not in self._rates:
            self._rates[day] = short_rate(datetime.fromtimestamp(ts // 10**9, UTC).date()).rate
        return self._rates[day]

    def _implied(self, contract: Any, price: float, ts: int) -> float | None:
        from qe_plugins.options.kernel.black76 import implied_one

        quote, option = self._cache.quote(contract), self._options[contract]
        if quote is None or option.expiry <= ts:
            return None
        if not (quote.bid_size.as_double() and quote.ask_size.as_double()):
            return None
        years = (option.expiry - ts) / YEAR
        rate = self._rate(ts)
        middle = (quote.bid_price.as_double() + quote.ask_price.as_double()) / 2
        volatility = implied_one(
            middle / exp(-rate * years),
            price,
            self._strikes[contract],
            sqrt(years),
            float(option.sign),
        )
        return float(volatility) if isfinite(volatility) else NO_TIME_VALUE
