"""The expiry of a real option, EW2F6 C7000 of 2026-01-09, in the engine: from bars and quotes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.execution import PerContractFeeModel
from nautilus_trader.model import (
    AccountType,
    AssetClass,
    Bar,
    BarType,
    BookType,
    Currency,
    FuturesContract,
    InstrumentId,
    Money,
    OmsType,
    OrderSide,
    Price,
    Quantity,
    QuoteTick,
    Symbol,
    TradeTick,
    Venue,
)
from nautilus_trader.trading import Strategy

from qe_plugins.data.options.databento import read_databento
from qe_plugins.engine.simulation.option_expiry import OptionExpiries, option_contract
from qe_plugins.errors import DataError, RunError

EXPIRY = 1_767_992_400_000_000_000  # 2026-01-09 21:00 UTC, 15:00 in Chicago
MARCH = 1_774_013_400_000_000_000
FUTURE = InstrumentId.from_str("ESH26.XCME")
VENUE = Venue("XCME")


class OneOrder(Strategy):
    """Trades one contract at the first quote; `side` and `option` are set before it is added."""

    def __init__(self):
        super().__init__()
        self.fills, self.sent = [], False

    def on_start(self):
        self.subscribe_quotes(self.option)

    def on_quote(self, _quote):
        if not self.sent:
            self.sent = True
            order = self.order_factory.market(self.option, self.side, Quantity.from_int(1))
            self.submit_order(order)

    def on_order_filled(self, event):
        self.fills.append(
            (str(event.instrument_id), str(event.order_side), event.last_px.as_decimal(),
             event.ts_event)
        )  # fmt: skip


@pytest.fixture(scope="module")
def tape(shared_data):
    return read_databento(shared_data / "databento/nautilus/options_exercise", "ES")


@pytest.fixture
def engine():
    made = BacktestEngine(BacktestEngineConfig())
    usd = Currency.from_str("USD")
    made.add_venue(
        VENUE, OmsType.NETTING, AccountType.MARGIN, [Money.from_str("100000 USD")],
        base_currency=usd, book_type=BookType.L1_MBP,
        fee_model=PerContractFeeModel(Money.from_str("1.42 USD")),
    )  # fmt: skip
    yield made
    made.dispose()


def add_future(engine):
    engine.add_instrument(
        FuturesContract(
            FUTURE, Symbol("ESH6"), AssetClass.INDEX, "ES", 0, MARCH, Currency.from_str("USD"), 2,
            Price.from_str("0.25"), Quantity.from_int(50), Quantity.from_int(1), 0, 0,
            exchange="XCME",
        )
    )  # fmt: skip


def expire(engine, tape, side, fixing, feed_fixing=True):
    """Trade the option at its first quote and run over its expiry; return the strategy."""
    option = tape.contracts["EW2F26 C7000"]
    add_future(engine)
    engine.add_instrument(option_contract(option, date(2026, 1, 9)))
    bars = BarType.from_str(f"{FUTURE}-1-MINUTE-LAST-EXTERNAL")
    records = [
        QuoteTick(
            InstrumentId.from_str(option.id),
            *(Price.from_str(f"{one[side]:.2f}") for side in ("bid", "ask")),
            *(Quantity.from_int(int(one[size])) for size in ("bid_size", "ask_size")),
            one["ts"], one["ts"],
        )
        for one in tape.quotes.iter_rows(named=True)
    ]  # fmt: skip
    for one in tape.futures.iter_rows(named=True):
        price = Price.from_str(f"{one['price']:.2f}")
        volume = Quantity.from_int(10)
        records.append(Bar(bars, price, price, price, price, volume, one["ts"], one["ts"]))
    records.sort(key=lambda one: one.ts_init)
    strategy = OneOrder()
    strategy.side, strategy.option = side, InstrumentId.from_str(option.id)
    engine.add_strategy(strategy)

    def feed(part):
        kept = [one for one in part if feed_fixing or not isinstance(one, TradeTick)]
        if kept:
            engine.add_data(kept)
            engine.run(streaming=True)
            engine.clear_data()

    OptionExpiries(engine, [option], lambda _: fixing and (fixing, "vwap")).feed(records, feed)
    return strategy


@pytest.mark.parametrize(
    ("side", "opposite", "held", "paid"),
    [(OrderSide.BUY, "SELL", "LONG", "10.25"), (OrderSide.SELL, "BUY", "SHORT", "9.50")],
)
def test_an_option_in_the_money_is_exercised_into_its_future_at_the_strike(
    engine, tape, side, opposite, held, paid
):
    strategy = expire(engine, tape, side, Decimal("7007.75"))
    opened, closed, future = strategy.fills
    position = engine.cache.positions_open(instrument_id=FUTURE)[0]

    assert opened[2] == Decimal(paid)
    assert closed == ("EW2F26 C7000.XCME", opposite, Decimal(0), EXPIRY)
    assert future[0] == "ESH26.XCME"
    assert future[2:] == (Decimal(7000), EXPIRY)
    assert held in str(position.side)
    sign = -1 if held == "LONG" else 1
    cash = Decimal(100_000) + sign * Decimal(paid) * 50 - Decimal("1.42")
    balances = engine.cache.account_for_venue(VENUE).balances_total()
    assert [one.as_decimal() for one in balances.values()] == [cash]


def test_an_option_out_of_the_money_expires_without_a_future(engine, tape):
    strategy = expire(engine, tape, OrderSide.SELL, Decimal("6990"))

    assert len(strategy.fills) == 2
    assert engine.cache.positions_open() == []


def test_an_option_that_outlives_its_expiry_ends_the_run(engine, tape):
    with pytest.raises(RunError, match="outlived its expiry at 2026-01-09 21:00:00 UTC"):
        expire(engine, tape, OrderSide.SELL, Decimal("7007.75"), feed_fixing=False)


def test_an_expiry_without_a_price_of_the_underlying_is_refused(engine, tape):
    with pytest.raises(DataError, match="neither a trade nor a settlement of ESH26"):
        expire(engine, tape, OrderSide.SELL, None)


def test_an_option_without_its_underlying_in_the_run_is_refused(engine, tape):
    option = tape.contracts["EW2F26 C7000"]

    with pytest.raises(DataError, match="no ESH26, into which it is exercised"):
        OptionExpiries(engine, [option], lambda _: None)


def test_prices_follow_the_ticks_of_the_day(tape):
    option = tape.contracts["EW2F26 C7000"]
    late = option_contract(option, date(2026, 1, 9))
    early = option_contract(option, date(2020, 1, 6))

    assert str(late.next_bid_price(8.37)) == "8.35"
    assert str(late.next_bid_price(12.3)) == "12.25"
    assert str(early.next_bid_price(8.37)) == "8.25"
