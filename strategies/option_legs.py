"""Options held to expiry: enter a position of several legs once and let it expire.

Thesis: none. It shows what options cost and what becomes of them at expiry: premium, fees,
exercise and assignment, and the margin that a short option ties up until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from qe_plugins.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape


class OptionLegsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`legs` are contracts by instrument, `EW2F26 C7000.XCME: -1`; negative ones are sold.

    Nothing is sent before every leg has a bid and an ask, and its future a bar.
    """

    legs: dict[str, int]
    bars: str = "1-MINUTE-LAST"

    def __post_init__(self) -> None:
        if not self.legs or not all(self.legs.values()):
            raise ValueError("legs need at least one contract each")


class OptionLegs(Strategy):
    """Send an order for each leg at the first bar at which all are quoted."""

    def __init__(self, config: OptionLegsConfig) -> None:
        super().__init__(config)
        self.legs = {InstrumentId.from_str(name): size for name, size in config.legs.items()}
        self.entered = False

    @staticmethod
    def check_data(config: OptionLegsConfig, tape: Tape) -> None:
        """Raise DataError for a leg that is no option of the run."""
        known = [one.id for one in tape.options]
        for name in config.legs:
            if name not in known:
                hint = did_you_mean(name, known)
                raise DataError("the run has no such option.", where=name, hint=hint)

    def on_start(self) -> None:
        for contract in self.legs:
            self.subscribe_quotes(contract)
        for future in {self.future_of(contract) for contract in self.legs}:
            self.subscribe_bars(BarType.from_str(f"{future}-{self.config.bars}-EXTERNAL"))

    def on_bar(self, bar: Bar) -> None:
        if self.entered or not all(self.is_quoted(contract) for contract in self.legs):
            return
        self.entered = True
        self.submit_order_list(
            [
                self.order_factory.market(
                    contract,
                    OrderSide.BUY if size > 0 else OrderSide.SELL,
                    Quantity.from_int(abs(size)),
                )
                for contract, size in self.legs.items()
            ]
        )

    def future_of(self, contract: InstrumentId) -> str:
        """Return the id of the future that an option is exercised into."""
        return f"{self.cache.instrument(contract).underlying}.{contract.venue}"

    def is_quoted(self, contract: InstrumentId) -> bool:
        """Return whether a contract has a bid and an ask."""
        quote = self.cache.quote(contract)
        return quote is not None and min(quote.bid_size, quote.ask_size).as_double() > 0
