"""What a difference between our book and the broker's means."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.engine.reconciliation.answers import Truth
from qe_plugins.engine.reconciliation.book import BookState
from qe_plugins.engine.reconciliation.comparison import BookVerdict, compare
from tests.engine.reconciliation.made import SCOPE, book, execution, order, ours, snapshot

TRUTHS = st.sampled_from(list(Truth))


def verdict(ours_, theirs, **more):
    return compare(ours_, theirs, SCOPE, **more).verdict


@given(TRUTHS, TRUTHS)
def test_unknown_stays_unknown_unless_the_other_decides(a, b):
    assert a.not_().not_() is a
    assert a.and_(b) is b.and_(a)
    assert a.or_(b) is a.not_().and_(b.not_()).not_()
    assert Truth.UNKNOWN.and_(Truth.NO) is Truth.NO
    assert Truth.UNKNOWN.or_(Truth.YES) is Truth.YES
    assert {a.and_(Truth.YES), a.or_(Truth.NO)} == {a}


@given(st.lists(st.integers(1, 9), unique=True), st.integers(-3, 3))
def test_equal_books_match(perm_ids, net):
    orders = [order(one) for one in perm_ids]
    assert (
        verdict(book(*map(ours, orders), net=net), snapshot(*orders, net=net))
        is BookVerdict.MATCHED
    )


@given(
    st.lists(st.integers(1, 5), unique=True),
    st.lists(st.integers(1, 5), unique=True),
    st.integers(-2, 2),
    st.integers(-2, 2),
)
def test_books_match_only_where_they_are_equal(mine, theirs, net, held):
    found = compare(
        book(*(ours(order(one)) for one in mine), net=net),
        snapshot(*(order(one) for one in theirs), net=held),
        SCOPE,
    )
    is_equal = set(mine) == set(theirs) and net == held
    assert (found.verdict is BookVerdict.MATCHED) == is_equal
    assert len(found.keys) == len(found.findings)


@given(st.permutations([order(1), order(2), order(3, ref="O-2"), order(4, client_id=0, ref="")]))
def test_the_order_of_the_answer_does_not_matter(orders):
    mine = book(ours(order(1)))
    assert compare(mine, snapshot(*orders), SCOPE).keys == frozenset(
        {"twice:O-2", "orphan:2", "orphan:3", "foreign:4"}
    )


def test_a_rejected_order_that_is_live_is_an_orphan():
    mine = book(ours(order(1), BookState.ENDED, rejected=True))
    assert verdict(mine, snapshot(order(1))) is BookVerdict.ORPHAN
    assert verdict(mine, snapshot(order(1)), adopted={1}) is BookVerdict.MATCHED


def test_an_order_in_flight_that_is_not_listed_is_unresolved():
    mine = ours(order(1), BookState.IN_FLIGHT)
    assert verdict(book(mine), snapshot()) is BookVerdict.UNRESOLVED
    assert verdict(book(mine), snapshot(order(1))) is BookVerdict.MATCHED


def test_a_fill_that_explains_the_difference_is_an_unknown_fill():
    done = ours(order(9, side="BUY"), BookState.ENDED, rejected=True)
    found = snapshot(net=1, executions=(execution("e1"),))
    assert verdict(book(done), found) is BookVerdict.UNKNOWN_FILL
    assert verdict(book(done), found, known_executions={"e1"}) is BookVerdict.AMBIGUOUS
    assert verdict(book(done, executions=("e1",)), found) is BookVerdict.AMBIGUOUS


def test_a_manual_trade_is_foreign():
    found = snapshot(net=1, executions=(execution("e1", ref="", client_id=0),))
    assert verdict(book(), found) is BookVerdict.FOREIGN
    assert verdict(book(), snapshot(order(1, client_id=0, ref=""))) is BookVerdict.FOREIGN


def test_a_manual_trade_is_foreign_also_where_the_engine_has_its_fill_but_not_its_position():
    taken = ours(order(9, side="BUY", ref="PERM-9"), BookState.ENDED, filled=Decimal(1))
    found = snapshot(net=1, executions=(execution("e1", ref="", client_id=0),))
    assert verdict(book(taken, executions=("e1",)), found) is BookVerdict.FOREIGN
    assert verdict(book(taken, net=1, executions=("e1",)), found) is BookVerdict.MATCHED


def test_two_live_orders_of_one_reference_are_ambiguous():
    twice = snapshot(order(1, ref="A"), order(2, ref="A"))
    assert verdict(book(ours(order(1, ref="A"))), twice) is BookVerdict.AMBIGUOUS


@pytest.mark.parametrize(
    "changed",
    [{"stop_price": Decimal(6480)}, {"side": "BUY"}, {"quantity": Decimal(2)}],
)
def test_an_order_that_was_changed_elsewhere_is_ambiguous(changed):
    assert verdict(book(ours(order(1))), snapshot(order(1, **changed))) is BookVerdict.AMBIGUOUS


def test_what_fills_meanwhile_is_told_by_the_fill_alone():
    mine = ours(order(9, side="BUY", kind="MKT", stop_price=None))
    found = compare(book(mine), snapshot(net=1, executions=(execution("e1"),)), SCOPE)
    assert found.keys == {"filled:O-9", "fill:e1"}


def test_another_contract_of_the_account_is_left_alone():
    other = order(1, local_symbol="ESZ6", client_id=0, ref="")
    assert verdict(book(), snapshot(other)) is BookVerdict.MATCHED
