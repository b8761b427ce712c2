"""What a structure can lose: no price at expiry takes more, to the cent, and sizes follow it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.options.overlay.book import OptionBook, OptionClaim
from qe_plugins.options.overlay.structures import Structure, StructureKind
from tests.options.overlay.conftest import FEE, made_leg

STRIKES = st.integers(1, 200).map(lambda n: n * 50)
PRICES = st.integers(1, 4_000).map(lambda n: Decimal(n) / 20)
CLAIMS = st.builds(
    lambda sign, strike: OptionClaim(
        f"{sign} {strike}", sign, Decimal(strike) if sign else Decimal(0)
    ),
    st.sampled_from([-1, 0, 1]),
    STRIKES,
)
FILLS = st.lists(st.tuples(CLAIMS, st.integers(-5, 5).filter(bool), PRICES), max_size=8)


def book_of(fills):
    book = OptionBook(Decimal(50))
    for claim, contracts, price in fills:
        book = book.filled(claim, contracts, price, FEE * abs(contracts))
    return book


@settings(max_examples=60, deadline=None)
@given(FILLS, st.lists(st.integers(0, 80_000), min_size=1, max_size=40))
def test_no_price_at_expiry_loses_more_than_stated(fills, quarters):
    book = book_of(fills)
    prices = [Decimal(n) / 4 for n in quarters] + [one.strike for one in book.held]
    lost = -min(book.value(price) for price in prices)

    assert book.most_loss is None or lost <= book.most_loss


@settings(max_examples=60, deadline=None)
@given(FILLS)
def test_an_open_loss_is_named_and_every_other_one_is_reached(fills):
    book = book_of(fills)
    far = [book.value(Decimal(n)) for n in (0, 10**7, 2 * 10**7)]
    strikes = [book.value(one.strike) for one in book.held if one.sign]

    assert (book.most_loss is None) >= (far[2] < far[1])
    assert book.most_loss is None or book.most_loss == max(0, -min(far[0], *strikes, far[0]))


@settings(max_examples=40, deadline=None)
@given(FILLS, CLAIMS, st.integers(1, 6), PRICES, st.sampled_from([-1, 1]))
def test_a_partial_fill_loses_no_more_than_none_or_all_of_it(fills, claim, count, price, side):
    before = book_of(fills)
    books = [before.filled(claim, side * n, price, FEE * n) for n in range(count + 1)]
    ends = [books[0].most_loss, books[-1].most_loss]

    assert None in ends or all(one.most_loss <= max(ends) for one in books)


def test_a_condor_loses_its_width_less_its_credit_and_fees_to_the_cent(condor):
    book = condor.book(1)

    assert condor.credit == 10
    assert condor.width == 50
    assert condor.loss_at_expiry == 40 * 50 + 4 * FEE
    assert book.value(Decimal(6_000)) == -condor.loss_at_expiry
    assert book.value(Decimal(7_900)) == -condor.loss_at_expiry
    assert book.value(Decimal(7_000)) == 10 * 50 - 4 * FEE
    assert condor.most_loss == (50 - 12 + 7 + 4) * 50 + 3 * FEE + 4 * FEE  # one not sold yet


def test_units_follow_the_most_loss_and_the_quoted_size(condor):
    assert condor.units_for(Decimal(2_500), Decimal(1), 100) == 1
    assert condor.units_for(condor.most_loss * 3, Decimal(1), 100) == 3
    assert condor.units_for(condor.most_loss - 1, Decimal(1), 100) == 0
    assert condor.units_for(Decimal(10**6), Decimal("0.1"), 100) == 10
    assert condor.units_for(Decimal(10**6), Decimal(1), 7) == 7


@pytest.mark.parametrize(
    ("kind", "legs", "why"),
    [
        (StructureKind.PUT_SPREAD, [("P", 6800, -1)], "needs one short and one long"),
        (StructureKind.IRON_CONDOR, [("P", 6800, -1), ("P", 6750, 1)], "needs one short"),
        (StructureKind.CALL_SPREAD, [("P", 6800, -1), ("P", 6750, 1)], "needs one short"),
    ],
)
def test_a_structure_without_its_long_options_is_refused(kind, legs, why):
    made = tuple(made_leg(*one, "5.00") for one in legs)

    with pytest.raises(ValueError, match=why):
        Structure(kind=kind, legs=made, fee=FEE)


def test_a_long_option_nearer_to_the_money_still_bounds_the_loss():
    legs = (made_leg("P", 6750, -1, "7.00"), made_leg("P", 6800, 1, "12.00"))

    assert Structure(kind=StructureKind.PUT_SPREAD, legs=legs, fee=FEE).loss_at_expiry == 250 + (
        2 * FEE
    )
