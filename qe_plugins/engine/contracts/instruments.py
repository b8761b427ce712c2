"""Instruments by their ids, and the fee model: definitions lack fees, and margins in dollars."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nautilus_trader.execution import FeeModel, PerContractFeeModel
from nautilus_trader.model import (
    Currency,
    FuturesContract,
    InstrumentId,
    Money,
    OptionContract,
    Quantity,
)

from qe_plugins.market.contract_key import root_of_name

if TYPE_CHECKING:
    from qe_plugins.engine.contracts.terms import ContractTerms

ZERO = Decimal(0)
NO_OPTIONS: Mapping[str, ContractTerms] = MappingProxyType({})

SETTLES = "EXPIRATION-"
"""Prefix of the client order ids of the engine's own orders that settle an expired contract."""

COPIED_FIELDS = (
    *("raw_symbol", "asset_class", "underlying", "activation_ns", "expiration_ns", "currency"),
    *("price_precision", "price_increment", "multiplier", "lot_size", "max_quantity"),
    *("min_quantity", "exchange", "ts_event", "ts_init"),
)


def root_of(instrument: Any) -> str:
    """Return the root of a future, or of the future that an option is exercised into."""
    underlying: str = instrument.underlying
    if isinstance(instrument, OptionContract):
        root = root_of_name(underlying)
        assert root is not None
        return root
    return underlying


class FeeByDate(FeeModel):
    """Fees per contract and side that depend on the root and on the day of the order.

    `options` are those of options on the futures of a root.
    """

    def __init__(
        self,
        money: Mapping[str, ContractTerms],
        currency: Currency,
        options: Mapping[str, ContractTerms] = NO_OPTIONS,
    ) -> None:
        self._money, self._currency, self._options = money, currency, options

    def get_commission(
        self, _order: Any, fill_quantity: Quantity, _fill_px: Any, instrument: Any
    ) -> Money:
        table = self._options if isinstance(instrument, OptionContract) else self._money
        fee = table[root_of(instrument)].fee(_order.ts_init)
        return Money.from_decimal(fee * fill_quantity.as_decimal(), self._currency)


def fee_model(
    money: Mapping[str, ContractTerms],
    currency: str,
    options: Mapping[str, ContractTerms] = NO_OPTIONS,
) -> Any:
    """Return the fee model that charges each root's fee per contract and side.

    `options` are the terms of options by the root of their futures.
    """
    charged = Currency.from_str(currency)
    tables = (*money.values(), *options.values())
    amounts = {fee.amount for terms in tables for fee in terms.fees}
    if len(amounts) == 1:
        return PerContractFeeModel(Money.from_decimal(amounts.pop(), charged))
    return FeeByDate(money, charged, options)


def without_margins(contract: FuturesContract) -> FuturesContract:
    """Return `contract` without margins, which the engine takes as a fraction of the price.

    The gate checks the margins in dollars per contract instead.
    """
    return remade(contract, margin_init=ZERO, margin_maint=ZERO)


def remade(contract: FuturesContract, **changes: Any) -> FuturesContract:
    """Return a copy of `contract` with other values in some fields; it is immutable."""
    fields: dict[str, Any] = {name: getattr(contract, name) for name in COPIED_FIELDS}
    return FuturesContract(**fields | {"instrument_id": contract.id} | changes)


def instrument_of(cache: Any, instrument_id: str) -> Any:
    """Return the engine's instrument for an id as text, or None."""
    return cache.instrument(InstrumentId.from_str(instrument_id))


class Instruments(dict[str, Any]):
    """The engine's instruments by their ids as text, as they were at the first look-up.

    None for an id without an instrument.
    """

    def __init__(self, cache: Any) -> None:
        super().__init__()
        self._cache = cache

    def __missing__(self, name: str) -> Any:
        try:
            found = instrument_of(self._cache, name)
        except ValueError:
            return None
        if found is not None:  # a session's engine has none before it is connected
            self[name] = found
        return found


def decimal(value: Any) -> Decimal:
    """Return an engine number (Price, Quantity, Money) as a Decimal."""
    exact: Decimal = value.as_decimal()
    return exact
