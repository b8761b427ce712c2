"""Sell spreads and condors of options while implied volatility is above its forecast.

Thesis: sellers of variance are paid for a risk that arrives at once. So only defined risk is sold,
sized by the most it can lose, and closed early: at a part of the profit, at a multiple of the
credit, by time. Whether it earns anything is not known here: two days of real chains are no
evidence. Nothing is hedged with futures: a hedge has no largest loss.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from nautilus_trader.model import (
    Bar,
    BarType,
    InstrumentId,
    OrderSide,
    Price,
    Quantity,
    TimeInForce,
)
from nautilus_trader.trading import Strategy

from qe_plugins.errors import DataError, LadderError
from qe_plugins.market.sessions import next_session
from qe_plugins.market.specs import market
from qe_plugins.options.chain import chain_of
from qe_plugins.options.overlay.book import OptionBook, OptionClaim
from qe_plugins.options.overlay.cached_chain import CachedOptions
from qe_plugins.options.overlay.entries import SECOND, EntryRules, entry_refusal, event_near
from qe_plugins.options.overlay.exits import ExitRules, exit_reason
from qe_plugins.options.overlay.forecast import SessionVariances, har_forecast
from qe_plugins.options.overlay.selection import NoStructure, SelectionRules, pick_structure
from qe_plugins.options.overlay.sequence import (
    BestPrices,
    NextOrder,
    SalePlan,
    cost_to_close,
    entry_order,
    exit_order,
    is_complete,
)
from qe_plugins.options.surface import Surface, fit_surface
from qe_plugins.units import Duration, Fraction, Money

if TYPE_CHECKING:
    from qe_plugins.plugins.types import Rung

RUNG = "options"
"""The rung of a ladder on which options may be traded."""

CALENDAR_DAYS, SESSION_DAYS = 365, 252

FLAT, ENTERING, HOLDING, LEAVING = "flat", "entering", "holding", "leaving"


class VolHarvestConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`select`, `entry` and `exit` are the rules; a structure is looked for `every` so long.

    A position may lose `risk` at most, which must not be above the rung's; it has at most `units`,
    and `share` of what is quoted at a leg's price. An entry that is not complete after `patience`
    is closed; legs may be `room` points worse than when they were picked. `forecast` replaces the
    forecast of realised volatility where the data is too short for one.
    """

    root: str
    bars: str = "1-MINUTE-LAST"
    select: SelectionRules = SelectionRules()
    entry: EntryRules = EntryRules()
    exit: ExitRules = ExitRules()
    every: Annotated[Duration, msgspec.Meta(gt=0)] = 1_800.0
    risk: Money = Decimal(2_500)
    units: Annotated[int, msgspec.Meta(ge=1)] = 1
    share: Annotated[Fraction, msgspec.Meta(gt=0, le=1)] = 0.1
    patience: Annotated[Duration, msgspec.Meta(gt=0)] = 300.0
    room: Money = Decimal(0)
    forecast: Annotated[Fraction, msgspec.Meta(gt=0)] | None = None

    def __post_init__(self) -> None:
        if self.risk <= 0:
            raise ValueError(f"risk must be positive, was {self.risk}")
        if self.room < 0:
            raise ValueError(f"room must not be negative, was {self.room}")
        if self.select.days[0] <= self.exit.days:
            raise ValueError(
                f"select.days must begin above exit.days, {self.exit.days:g}, "
                f"was {self.select.days[0]}: it would be closed as soon as it is opened"
            )


class VolHarvest(Strategy):
    """Hold at most one structure; send one order at a time, each within the stated loss."""

    def __init__(self, config: VolHarvestConfig) -> None:
        super().__init__(config)
        self.phase = FLAT
        self.plan: SalePlan | None = None
        self.book = OptionBook(market(config.root).multiplier)
        self.surface: Surface | None = None
        self.variances = SessionVariances()
        self.fronts: deque[tuple[int, BarType]] = deque()
        """The last expiry of the options on each future, and its bars; those of the first count."""
        self.working: Any = None
        self.missed: set[str] = set()
        self.risk = config.risk
        self.entered_at = self.next_look = 0
        self.stated: list[tuple[Decimal, Decimal]] = []
        """Of each position that is closed: the most it could lose, and its profit or loss, USD."""

    @staticmethod
    def check_rung(config: VolHarvestConfig, rung: Rung) -> None:
        """Raise LadderError for a rung other than that of options, and for one of less risk."""
        if rung.name != RUNG:
            raise LadderError(
                f"options on {config.root} are sold on the rung '{RUNG}' alone; "
                f"this run has {rung.title}.",
                where="vol_harvest",
                hint="A backtest names it: 'rung: {name: options, risk: 2_500 USD, "
                "max_contracts: 4}'. A session has the rung of its ladder.",
            )
        if config.risk > rung.risk:
            raise LadderError(
                f"'risk' is {config.risk:,f} USD, and {rung.title} allows {rung.risk:,f}.",
                where="vol_harvest",
                hint="Lower the strategy's 'risk'.",
            )

    def on_start(self) -> None:
        self.options = CachedOptions(self.cache, self.config.root, self.config.bars)
        if not self.options.by_symbol:
            raise DataError(
                f"the run has no options on {self.config.root}.",
                where="vol_harvest",
                hint="Name them in 'data: {options: {root: ...}}'.",
            )
        last: dict[str, int] = {}
        for one in self.options.by_symbol.values():
            last[one.underlying_id] = max(one.expiry, last.get(one.underlying_id, 0))
        for future, expiry in sorted(last.items(), key=lambda one: one[::-1]):
            bars = BarType.from_str(f"{future}-{self.config.bars}-EXTERNAL")
            self.fronts.append((expiry, bars))
            self.subscribe_bars(bars)
        for name in self.options.ids.values():
            self.subscribe_quotes(name)

    def on_bar(self, bar: Bar) -> None:
        while len(self.fronts) > 1 and bar.ts_init >= self.fronts[0][0]:
            self.fronts.popleft()
            self.variances.forget_last()
        if bar.bar_type != self.fronts[0][1]:
            return
        now = bar.ts_init
        session = next_session(self.config.root, bar.ts_event - 1).date
        self.variances.add(session, bar.close.as_double())
        if self.working is not None:
            return
        self.missed.clear()
        if self.phase == FLAT and now >= self.next_look:
            self.next_look = now + int(self.config.every * SECOND)
            self.look(now)
        elif self.phase == ENTERING and now > self.entered_at + self.config.patience * SECOND:
            self.give_up("the entry is not complete")
        elif self.phase == HOLDING:
            self.watch(now)
        self.step()

    def look(self, now: int) -> None:
        """Look for a structure to sell, and begin to enter it."""
        if event_near(self.config.entry, now) is not None:
            return
        data = self.options.chain_data()
        try:
            chain = chain_of(data, now)
        except DataError as error:  # no quotes, or parity is broken: nothing new is sold
            self.log.warning(f"no chain: {error}")
            return
        self.surface = fit_surface(chain.options, now, self.surface)
        day = datetime.fromtimestamp(now // SECOND, UTC).date()
        found = pick_structure(chain, data.contracts, self.config.select, day)
        if isinstance(found, NoStructure):
            self.log.info(f"nothing to sell: {found.reason}")
            return
        forecast = self.forecast(found.expiry, now)
        refusal = entry_refusal(self.config.entry, self.surface, found.expiry, forecast, now)
        if refusal is not None:
            self.log.info(f"not sold: {refusal}")
            return
        worse = self.config.room * len(found.legs) * found.multiplier
        risk = self.risk * found.most_loss / (found.most_loss + worse)
        share = Decimal(str(self.config.share))
        units = found.units_for(risk, share, self.config.units)
        if not units:
            self.log.info(f"not sold: a unit may lose {found.most_loss:.2f} USD")
            return
        self.plan = SalePlan.of(found, units, self.config.room)
        legs = ", ".join(f"{one.side * units:+d} {one.option.symbol}" for one in found.entry_legs)
        self.log.info(f"selling {legs}: may lose {self.plan.most_loss:,.2f} USD at most")
        self.phase, self.entered_at = ENTERING, now

    def forecast(self, expiry: int, now: int) -> float | None:
        """Return the annual volatility forecast until an expiry, None where it is unknown."""
        if self.config.forecast is not None:
            return self.config.forecast
        days = (expiry - now) / (86_400 * SECOND)
        horizon = max(1, round(days * SESSION_DAYS / CALENDAR_DAYS))
        return har_forecast(self.variances.complete, horizon)

    def watch(self, now: int) -> None:
        """Begin to close the structure where a rule of the exits says so."""
        assert self.plan is not None
        legs = self.plan.structure.legs
        units = self.book.contracts(next(one.claim for one in legs if one.side > 0))
        if not is_complete(self.plan, self.book):
            self.give_up("assigned or expired in part")
            return
        credit = self.book.cash / self.book.multiplier / units
        cost = cost_to_close(self.book, units, self.prices())
        option = legs[0].option
        reason = exit_reason(self.config.exit, option.root, option.expiry, credit, cost, now)
        if reason is not None:
            self.give_up(reason)

    def give_up(self, reason: str) -> None:
        """Close what is held."""
        self.log.info(f"closing: {reason}")
        self.phase = LEAVING

    def step(self) -> None:
        """Send the next order, or pass to the next phase where there is none."""
        if self.plan is None or self.working is not None or self.phase == HOLDING:
            return
        choose = exit_order if self.phase == LEAVING else entry_order
        order = choose(self.plan, self.book, self.prices(), self.missed)
        if order is not None:
            self.send(order)
        elif self.phase == ENTERING and is_complete(self.plan, self.book):
            units = abs(self.book.contracts(self.plan.structure.legs[0].claim))
            self.phase = HOLDING if units == self.plan.units else ENTERING
        elif not self.book.held and self.phase == LEAVING:
            if self.book.cash:
                self.stated.append((self.plan.most_loss, self.book.cash))
            self.plan, self.book = None, OptionBook(self.book.multiplier)
            self.phase = FLAT

    def send(self, order: NextOrder) -> None:
        """Send an order: a limit that fills at once; a future of an assignment at the market."""
        assert self.plan is not None
        name = self._id(order.claim.symbol)
        side = OrderSide.BUY if order.contracts > 0 else OrderSide.SELL
        size = Quantity.from_int(abs(order.contracts))
        tags = [self.phase.upper(), f"may lose {self.plan.most_loss:.2f} USD"]
        if order.claim.sign:
            sent = self.order_factory.limit(
                name,
                side,
                size,
                Price.from_decimal_dp(order.limit, 2),
                time_in_force=TimeInForce.IOC,
                tags=tags,
            )
        else:
            sent = self.order_factory.market(name, side, size, tags=tags)
        self.working = sent.client_order_id
        self.submit_order(sent)

    def on_order_filled(self, event: Any) -> None:
        claim = self._claim(event.instrument_id)
        contracts = int(event.last_qty.as_decimal()) * (1 if event.is_buy else -1)
        fees = Decimal(0) if event.commission is None else event.commission.as_decimal()
        self.book = self.book.filled(claim, contracts, event.last_px.as_decimal(), fees)
        order = self.cache.order(event.client_order_id)
        if event.client_order_id == self.working and order is not None and order.is_closed:
            self.working = None
            self.step()

    def on_order_canceled(self, event: Any) -> None:
        self.on_missed(event)

    def on_order_expired(self, event: Any) -> None:
        self.on_missed(event)

    def on_order_rejected(self, event: Any) -> None:
        self.on_missed(event)

    def on_missed(self, event: Any) -> None:
        """Go on without an order that did not fill; it may be sent again at the next bar."""
        if event.client_order_id == self.working:
            self.working = None
            self.missed.add(str(event.instrument_id.symbol))
            self.step()

    def on_order_denied(self, event: Any) -> None:
        """Close what is held after a veto, from the next bar on; a veto is not asked twice."""
        if event.client_order_id == self.working:
            self.working = None
            self.give_up(f"denied: {event.reason}")

    def prices(self) -> dict[str, BestPrices]:
        """Return the best prices of the plan's legs and of the futures held."""
        assert self.plan is not None
        symbols = {one.option.symbol for one in self.plan.structure.legs}
        symbols |= {one.symbol for one in self.book.held}
        found = {}
        for symbol in symbols:
            name = self._id(symbol)
            if symbol not in self.options.ids:
                bar = self.options.future_price(str(name))
                if bar is not None:
                    last = Decimal(str(bar[1]))
                    found[symbol] = BestPrices(last, last)
            elif (quote := self.cache.quote(name)) is not None:
                found[symbol] = BestPrices(
                    quote.bid_price.as_decimal() if quote.bid_size.as_double() else None,
                    quote.ask_price.as_decimal() if quote.ask_size.as_double() else None,
                )
        return found

    def _claim(self, name: InstrumentId) -> OptionClaim:
        symbol = str(name.symbol)
        option = self.options.by_symbol.get(symbol)
        return OptionClaim(symbol) if option is None else OptionClaim.of(option)

    def _id(self, symbol: str) -> InstrumentId:
        known = self.options.ids.get(symbol)
        return known or InstrumentId.from_str(f"{symbol}.{market(self.config.root).exchange}")
