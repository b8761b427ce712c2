"""Give contracts the money facts that their definitions lack: margin and fee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.execution import FeeModel, PerContractFeeModel
from nautilus_trader.model import Currency, FuturesContract, Money, Quantity

from qe_plugins.errors import did_you_mean

if TYPE_CHECKING:
    from qe_plugins.config.load import Loaded
    from qe_plugins.config.schema import Contract


class FeeByRoot(FeeModel):
    """A fee a contract and side that depends on the root."""

    def __init__(self, fees: Mapping[str, Money]) -> None:
        self._fees = fees

    def get_commission(
        self, _order: Any, fill_quantity: Quantity, _fill_px: Any, instrument: Any
    ) -> Money:
        fee = self._fees[instrument.underlying]
        return Money.from_decimal(fee.as_decimal() * fill_quantity.as_decimal(), fee.currency)


def money_facts(loaded: Loaded, contracts: Sequence[FuturesContract]) -> dict[str, Contract]:
    """Return what `contracts:` says of each root on the tape. A root it lacks is an error."""
    known = loaded.config.contracts
    roots = sorted({contract.underlying for contract in contracts})
    for root in roots:
        if root not in known:
            hint = did_you_mean(root, known) or "Build on a file of configs/base, or write them."
            raise loaded.error(f"no fee and margins for {root}.", "contracts", hint=hint)
    return {root: known[root] for root in roots}


def fee_model(facts: Mapping[str, Contract], currency: str) -> Any:
    """Return the model that charges each root's fee on each side of a trade."""
    charged = Currency.from_str(currency)
    fees = {root: Money.from_decimal(fact.fee, charged) for root, fact in facts.items()}
    if len(set(fees.values())) == 1:
        return PerContractFeeModel(next(iter(fees.values())))
    return FeeByRoot(fees)


def with_margins(contract: FuturesContract, facts: Contract, reference: Decimal) -> FuturesContract:
    """Return `contract` with margins of `facts`, which are dollars a contract.

    The engine knows margin as a fraction of notional value only; `reference` is the price (points)
    at which the fractions are exact.
    """
    notional = reference * contract.multiplier.as_decimal()
    return FuturesContract(
        instrument_id=contract.id,
        raw_symbol=contract.raw_symbol,
        asset_class=contract.asset_class,
        underlying=contract.underlying,
        activation_ns=contract.activation_ns,
        expiration_ns=contract.expiration_ns,
        currency=contract.currency,
        price_precision=contract.price_precision,
        price_increment=contract.price_increment,
        multiplier=contract.multiplier,
        lot_size=contract.lot_size,
        ts_event=contract.ts_event,
        ts_init=contract.ts_init,
        max_quantity=contract.max_quantity,
        min_quantity=contract.min_quantity,
        margin_init=round(facts.margin_init / notional, 8),
        margin_maint=round(facts.margin_maint / notional, 8),
        exchange=contract.exchange,
    )
