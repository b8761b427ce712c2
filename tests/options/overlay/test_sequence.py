"""Entries and exits leg by leg: through partial fills, jumps and assignment nothing loses more."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.options.overlay.book import OptionBook, OptionClaim
from qe_plugins.options.overlay.sequence import (
    BestPrices,
    CostToClose,
    SalePlan,
    cost_to_close,
    entry_order,
    exit_order,
    is_complete,
)
from tests.options.overlay.conftest import FEE, made_condor

CONDOR = made_condor()
FUTURE = OptionClaim("ESH26")
CENTS = Decimal("0.05")


def quotes(level, spread=Decimal("0.50"), rich=Decimal(3)):
    """Return prices of the condor's legs and the future at a level: intrinsic value and more."""
    made = {FUTURE.symbol: BestPrices(Decimal(level), Decimal(level) + 1)}
    for leg in CONDOR.legs:
        worth = leg.claim.payoff(Decimal(level)) + rich
        made[leg.option.symbol] = BestPrices(max(worth - spread, Decimal(0)), worth)
    return made


def at_prices():
    """Return the prices at which the condor was picked."""
    return {one.option.symbol: BestPrices(one.price, one.price) for one in CONDOR.legs}


def fill(book, order, contracts=None):
    count = order.contracts if contracts is None else contracts
    return book.filled(order.claim, count, order.limit, FEE * abs(count))


def entered(units=2):
    plan, book = SalePlan.of(CONDOR, units), OptionBook(Decimal(50))
    sent = []
    while (order := entry_order(plan, book, at_prices())) is not None:
        sent.append(order)
        book = fill(book, order)
    return plan, book, sent


def test_long_options_are_bought_before_short_ones_are_sold():
    plan, book, sent = entered()

    assert [one.contracts for one in sent] == [2, 2, -2, -2]
    assert is_complete(plan, book)
    assert cost_to_close(book, 2, at_prices()) == CostToClose(Decimal(10))


def test_a_missing_bid_makes_the_cost_an_upper_bound_and_a_missing_offer_leaves_none():
    _, book, _ = entered()
    symbols = [one.option.symbol for one in CONDOR.legs]
    no_bid = at_prices() | {symbols[1]: BestPrices(ask=Decimal(7))}
    no_offer = at_prices() | {symbols[0]: BestPrices(bid=Decimal(12))}

    assert cost_to_close(book, 2, no_bid) == CostToClose(Decimal(17), is_quoted=False)
    assert cost_to_close(book, 2, no_offer) is None


def test_short_options_are_bought_back_before_long_ones_are_sold_the_cheapest_first():
    plan, book, _ = entered()
    sent = []
    while (order := exit_order(plan, book, at_prices())) is not None:
        sent.append((order.claim.sign, order.contracts))
        book = fill(book, order)

    assert sent == [(1, 2), (-1, 2), (-1, -2), (1, -2)]
    assert book.held == {}


def test_a_partly_filled_long_option_limits_what_is_sold():
    plan, book = SalePlan.of(CONDOR, 5), OptionBook(Decimal(50))
    put = entry_order(plan, book, at_prices())
    book = fill(book, put, 3)
    call = entry_order(plan, book, at_prices(), missed=[put.claim.symbol])
    book = fill(book, call)
    order = entry_order(plan, book, at_prices(), missed=[put.claim.symbol])

    assert (put.contracts, call.contracts, order.contracts) == (5, 5, -3)


def test_a_leg_that_has_become_worse_than_the_room_is_not_traded():
    plan, book = SalePlan.of(CONDOR, 1, room=Decimal("0.25")), OptionBook(Decimal(50))
    dear = at_prices()
    put = CONDOR.legs[1].option.symbol
    dear[put] = BestPrices(Decimal("7.00"), Decimal("7.50"))

    assert entry_order(plan, book, dear).claim.symbol != put


def test_a_deep_wing_that_costs_more_than_its_width_is_held_to_expiry():
    plan, book, _ = entered(1)
    crash = quotes(6_300, spread=Decimal(20), rich=Decimal(10))
    sent = []
    while (order := exit_order(plan, book, crash)) is not None:
        sent.append(order.claim.symbol)
        book = fill(book, order)

    assert "EW2F26 P6800" not in sent
    assert book.contracts(CONDOR.legs[0].claim) == -1
    assert book.contracts(CONDOR.legs[1].claim) == 1
    assert book.value(Decimal(6_300)) >= -plan.most_loss


LEVELS = st.integers(5_000, 9_000)
STEP = st.tuples(
    LEVELS,
    st.integers(0, 100),  # the part of an order that fills, percent
    st.integers(0, 40),  # the spread in half points
    st.integers(0, 200),  # what options are worth beyond intrinsic value, in half points
    st.sampled_from(["entry", "exit", "exit", "assign", "entry"]),
    st.booleans(),  # the offer or the bid of one leg is missing
)


@settings(max_examples=120, deadline=None)
@given(st.integers(1, 6), st.booleans(), st.lists(STEP, min_size=1, max_size=25), LEVELS)
def test_no_path_of_fills_jumps_and_assignments_loses_more_than_stated(units, good, steps, last):
    plan, book = SalePlan.of(CONDOR, units, room=CENTS), OptionBook(Decimal(50))
    if good:
        _, book, _ = entered(units)
    leaving = False
    for level, part, spread, rich, what, missing in steps:
        prices = quotes(level, Decimal(spread) / 2, Decimal(rich) / 2)
        if missing:
            prices[CONDOR.legs[rich % 4].option.symbol] = BestPrices(ask=Decimal(rich) + 1)
        if what == "assign":
            book = assigned(book, rich % 4)
        leaving = leaving or what == "exit"
        order = (
            exit_order(plan, book, prices)
            if leaving
            else entry_order(plan, book, at_prices() if rich % 2 else prices)
        )
        if order is not None:
            book = fill(book, order, int(order.contracts * part / 100))

        assert book.is_bounded
        assert book.loses_at_most(plan.most_loss)
    assert book.value(Decimal(last)) >= -plan.most_loss


def assigned(book, leg):
    """Exercise the short option of a leg against its seller: the future at its strike."""
    claim = CONDOR.legs[leg].claim
    count = book.contracts(claim)
    if count >= 0:
        return book
    book = book.filled(claim, -count, Decimal(0), Decimal(0))
    return book.filled(FUTURE, count * claim.sign, claim.strike, Decimal(0))


def test_a_future_that_an_expiry_left_alone_is_closed_at_any_price():
    plan = SalePlan.of(CONDOR, 1)
    book = OptionBook(Decimal(50)).filled(FUTURE, 1, Decimal(6_800), Decimal(0))
    order = exit_order(plan, book, quotes(5_000))

    assert (order.claim, order.contracts) == (FUTURE, -1)
