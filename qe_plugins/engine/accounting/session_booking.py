"""Book a session's fills into trades one by one, as they happen.

Excursions come from the bars received. A synthetic fill, which the engine makes up when its books
differ from the venue's, changes what is held and is never part of a trade.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import InstrumentId

from qe_plugins.engine.accounting.booking import FillReader, Key
from qe_plugins.engine.accounting.trades import ZERO, Fill, OpenTrade, build_trade
from qe_plugins.journal.facts import Fact

if TYPE_CHECKING:
    from qe_plugins.engine.recording.observers import Observers
    from qe_plugins.engine.recording.session_recorder import SessionRecorder
    from qe_plugins.engine.running.availability import AvailableData

LOG = logging.getLogger(__name__)


def is_synthetic(event: Any, tick: Decimal) -> bool:
    """Return whether the engine made a fill up to reconcile its books with the venue's.

    Such a fill has no commission, and for its price a position's average cost, mostly off the tick.
    """
    price: Decimal = event.last_px.as_decimal()
    off_tick = bool(price % tick)
    if getattr(event, "reconciliation", False):
        return event.commission is None or off_tick
    return event.commission is None and off_tick


class SessionBooker:
    """Books fills into one open trade per strategy and contract, and notifies observers.

    `on_fill` returns whether the fill is new. `unbooked` are contracts held by synthetic fills, by
    strategy and contract: a later fill that closes them is not part of a trade either.
    """

    def __init__(
        self, cache: Any, recorder: SessionRecorder, observers: Observers, listings: AvailableData
    ) -> None:
        self._cache, self._recorder, self._observers = cache, recorder, observers
        self._read = FillReader(cache, recorder, listings).read
        self.open_trades: dict[Key, OpenTrade] = {}
        self.unbooked: dict[Key, Decimal] = {}

    def book_until(self, until: int = 0) -> None:
        """Do nothing: every fill is booked when it happens."""

    def on_bar(self, bar: Any) -> None:
        """Extend the open trades of a bar's contract by its high and low."""
        contract = str(bar.bar_type.instrument_id)
        for (_, traded), trade in self.open_trades.items():
            if traded == contract and trade.net:
                trade.extend_range(bar.high.as_double(), bar.low.as_double())

    def on_fill(self, event: Any) -> bool:
        """Record a fill and book it; return False for a fill that the run has already."""
        tick = self._cache.instrument(event.instrument_id).price_increment.as_decimal()
        synthetic = is_synthetic(event, tick)
        fill = self._recorder.fill(self._read(event), synthetic=synthetic)
        if fill is None:
            return False
        self._apply(fill, synthetic=synthetic)
        return True

    def restore(self, fills: Iterable[Fact]) -> list[tuple[Fill, bool]]:
        """Book the fills of a continued run without recording them or notifying observers.

        Returns the fills, each with whether it is synthetic, oldest first.
        """
        found = [(fill_of(fact), bool(fact.body.get("synthetic"))) for fact in fills]
        for fill, synthetic in found:
            self._apply(fill, synthetic=synthetic, restored=True)
        return found

    def signals_in_use(self) -> set[str]:
        """Return the ids of the signals behind open trades."""
        fills = [fill for trade in self.open_trades.values() for fill in trade.fills[:1]]
        return {fill.signal for fill in fills if fill.signal is not None}

    def _apply(self, fill: Fill, *, synthetic: bool, restored: bool = False) -> None:
        key = (fill.strategy, fill.instrument_id)
        trade = self.open_trades.get(key) or self._open_trade(key, restored=restored)
        if synthetic:
            self._apply_synthetic(key, trade, fill)
            return
        rest = self._after_unbooked(key, fill)
        closed = trade.apply(rest) if rest is not None else None
        if closed and not restored:
            self._close_trade(trade, closed)

    def _apply_synthetic(self, key: Key, trade: OpenTrade, fill: Fill) -> None:
        """Change what is held by a synthetic fill: first the open trade, then what is unbooked."""
        size = fill.quantity
        if trade.net * size < 0:
            closing = _closing(trade.net, size)
            LOG.warning("%s %s: a synthetic fill of %s ends its trade", *key, size)
            trade.abandon(closing)
            size -= closing
        self.unbooked[key] = self.unbooked.get(key, ZERO) + size

    def _after_unbooked(self, key: Key, fill: Fill) -> Fill | None:
        """Return the part of a fill that does not close unbooked contracts, None without one."""
        held = self.unbooked.get(key, ZERO)
        if held * fill.quantity >= 0:
            return fill
        closing = _closing(held, fill.quantity)
        self.unbooked[key] = held + closing
        return None if closing == fill.quantity else fill.split(closing)[1]

    def _open_trade(self, key: Key, *, restored: bool) -> OpenTrade:
        instrument = self._cache.instrument(InstrumentId.from_str(key[1]))
        if instrument is None and restored:  # it is known once the engine is connected
            trade = OpenTrade(ZERO)
        else:
            trade = OpenTrade(instrument.multiplier.as_decimal())
        self.open_trades[key] = trade
        return trade

    def _close_trade(self, closed: OpenTrade, fills: list[Fill]) -> None:
        recorder, first = self._recorder, fills[0]
        if not closed.multiplier:
            contract = InstrumentId.from_str(first.instrument_id)
            closed.multiplier = self._cache.instrument(contract).multiplier.as_decimal()
        votes = recorder.votes_behind(first.signal)
        trade = build_trade(fills, closed.closed, closed.multiplier, closed.range, votes)
        recorder.trade(trade, fills[-1])
        self._observers.notify("trade_closed", trade.closed, trade=trade)


def _closing(held: Decimal, size: Decimal) -> Decimal:
    """Return how many of `size` signed contracts, against those held, close what is held."""
    return min(abs(size), abs(held)) * (1 if size > 0 else -1)


def fill_of(fact: Fact) -> Fill:
    """Return the fill that a fact of a session is about."""
    body = fact.body
    quantity = Decimal(body["quantity"])
    reference = body.get("reference")
    return Fill(
        ts=fact.ts_event,
        trade_id=fact.id.partition(":")[2],
        client_order_id=body["client_order_id"],
        instrument_id=body["instrument_id"],
        strategy=fact.source,
        quantity=quantity if body["side"] == "BUY" else -quantity,
        price=Decimal(body["price"]),
        commission=Decimal(body["commission"]),
        currency=body["currency"],
        position_id=body.get("position_id", ""),
        liquidity=body.get("liquidity", ""),
        reference=None if reference is None else Decimal(reference),
        signal=body.get("signal"),
    )
