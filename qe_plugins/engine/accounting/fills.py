"""Read the engine's fill events as plain data, with the price that each could expect."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import Bar, InstrumentId, OrderType

from qe_plugins.engine.accounting.trades import Fill
from qe_plugins.engine.contracts.instruments import SETTLES, decimal
from qe_plugins.engine.recording.recorder import IdTexts, Recorder, signal_id_of, signal_in
from qe_plugins.plugins.types import Rolled

if TYPE_CHECKING:
    from qe_plugins.engine.running.availability import AvailableData

ZERO = Decimal(0)


class DecimalCache(dict[float, Decimal]):
    """Engine numbers of one precision as decimals, made once each: fills repeat them."""

    def of(self, number: Any) -> Decimal:
        """Return a Price, a Quantity or a Money as a Decimal."""
        known = self.get(key := number.as_double())
        if known is None:
            known = self[key] = decimal(number)
        return known


class ContractConstants:
    """What the fills of one contract have in common."""

    def __init__(self, event: Any) -> None:
        self.contract = str(event.instrument_id)
        self.currency: str = event.currency.code
        self.sizes, self.prices, self.fees, self.closes = (DecimalCache() for _ in range(4))


class FillReader:
    """Makes a `Fill` of each event, from what the recorder and the engine's cache know of it."""

    def __init__(self, cache: Any, recorder: Recorder, listings: AvailableData) -> None:
        self._order_of, self._recorder, self._listings = cache.order, recorder, listings
        self._common: dict[Any, ContractConstants] = {}
        self._names = IdTexts()

    def read(self, event: Any) -> Fill:
        """Return a fill event as plain data."""
        contract, fee = event.instrument_id, event.commission
        common = self._common.get(contract)
        if common is None:
            common = self._common[contract] = ContractConstants(event)
        quantity, position = common.sizes.of(event.last_qty), event.position_id
        order = event.client_order_id
        sent_on = self._recorder.handled.get(order)
        order_id: str = order.value
        if order_id.startswith(SETTLES):
            order_id = self._recorder.order_id(event)
        return Fill(
            ts=event.ts_event,
            trade_id=event.trade_id.value,
            client_order_id=order_id,
            instrument_id=common.contract,
            strategy=self._names[event.strategy_id],
            quantity=quantity if event.is_buy else -quantity,
            price=common.prices.of(event.last_px),
            commission=common.fees.of(fee) if fee else ZERO,
            currency=common.currency,
            position_id=position.value if position else "",
            liquidity=event.liquidity_side.name,
            reference=self._reference(event, sent_on, common),
            signal=signal_id_of(sent_on) or self._tagged(order),
        )

    def _tagged(self, order: Any) -> str | None:
        """Return the id of the signal that an order is tagged with."""
        return self._recorder.tagged(self._order_of(order)) if self._recorder.signals else None

    def _reference(self, event: Any, sent_on: object, common: ContractConstants) -> Decimal | None:
        """Return the price an order could expect: its trigger, its limit, or what it was sent on.

        A market order is sent on the close of a bar or on the entry of a signal; a settlement is
        what it is.
        """
        if event.order_type != OrderType.MARKET:
            order = self._order_of(event.client_order_id)
            for name in ("trigger_price", "price"):
                if (asked := getattr(order, name, None)) is not None:
                    return decimal(asked)
        if isinstance(sent_on, Bar):
            mine = self._is_of(sent_on, event.instrument_id)
            return common.closes.of(sent_on.close) if mine else None
        if isinstance(sent_on, Rolled) and sent_on.prices is not None:
            return sent_on.prices[common.contract == sent_on.after]
        if sent_on is None and event.client_order_id.value.startswith(SETTLES):
            return decimal(event.last_px)
        signal = signal_in(sent_on)
        return signal.entry if signal else None

    def _is_of(self, bar: Bar, contract: InstrumentId) -> bool:
        """Say whether a bar is of a contract, or of the front that stands for it."""
        heard = bar.bar_type.instrument_id
        if heard == contract:
            return True
        root = self._listings.fronts.get(str(heard))
        return root is not None and contract.symbol.value.startswith(root)
