"""What the broker's answers cause over time."""

from __future__ import annotations

import pytest

from qe_plugins.engine.reconciliation.actions import (
    AdoptOrder,
    BeginAgain,
    CancelOrder,
    HaltTrading,
    PlaceStop,
    RaiseAlarm,
)
from qe_plugins.engine.reconciliation.answers import Unknown
from qe_plugins.engine.reconciliation.book import BookState
from qe_plugins.engine.reconciliation.truth import TruthLoop
from qe_plugins.engine.reconciliation.truth_settings import TruthSettings
from tests.engine.reconciliation.made import (
    SCOPE,
    SECOND,
    book,
    execution,
    known,
    order,
    ours,
)


def loop(**settings):
    return TruthLoop(SCOPE, TruthSettings(**settings))


def take(truth, at, mine, *orders, **fields):
    """Return what an answer at so many seconds causes."""
    now = int(at * SECOND)
    return truth.take(mine, known(now, *orders, **fields), now)


def halts(actions):
    return [one.key for one in actions if isinstance(one, HaltTrading)]


def test_nothing_is_entered_before_the_books_were_equal():
    truth = loop()
    assert "not been compared" in truth.degraded.refusal
    assert take(truth, 0, book()) == []
    assert truth.degraded.refusal == ""
    assert truth.is_equal


def test_a_difference_of_one_look_causes_nothing():
    truth = loop()
    mine = book(ours(order(1), BookState.ENDED))
    assert take(truth, 0, mine, order(1)) == []
    assert "not the broker's" in truth.degraded.refusal
    assert take(truth, 1, mine) == []
    assert truth.degraded.refusal == ""


@pytest.mark.parametrize(("policy", "kind"), [("adopt", AdoptOrder), ("cancel", CancelOrder)])
def test_an_orphan_is_adopted_or_cancelled_once_and_halts(policy, kind):
    truth = loop(orphans=policy)
    mine = book(ours(order(1), BookState.ENDED, is_exit=False))
    found = [one for at in range(5) for one in take(truth, at, mine, order(1))]
    assert [one.perm_id for one in found if isinstance(one, kind)] == [1]
    assert halts(found) == ["orphan:1"]


def test_a_manual_trade_halts_at_the_second_look_and_is_not_closed():
    truth = loop()
    deal = (execution("e1", ref="", client_id=0),)
    found = [one for at in range(7) for one in take(truth, at, book(), net=1, executions=deal)]
    assert halts(found) == ["fill:e1"]
    assert {type(one) for one in found} == {RaiseAlarm, HaltTrading}


def test_a_manual_trade_that_the_engine_took_up_is_not_closed_later_either():
    truth = loop(heal=60.0)
    deal = (execution("e1", ref="", client_id=0),)
    found = [one for at in range(7) for one in take(truth, at, book(), net=1, executions=deal)]
    mine = book(net=1, executions=("e1",))
    found += [one for at in range(7, 40) for one in take(truth, at, mine, net=1, executions=deal)]
    assert {type(one) for one in found} == {RaiseAlarm, HaltTrading}
    [last] = [one for one in found if isinstance(one, HaltTrading) and one.key != "fill:e1"]
    assert last.reason == "+1 MESZ6 has no live stop: it is a person's, and left to the person"


def test_our_own_unknown_fill_halts_only_where_the_engine_does_not_book_it():
    truth, deal = loop(heal=8.0), (execution("e1"),)
    stop = order(1)
    mine = book(ours(stop), net=0)
    seen = [take(truth, at, mine, stop, net=1, executions=deal) for at in range(8)]
    assert [halts(one) for one in seen] == [[]] * 8
    assert halts(take(truth, 8, mine, stop, net=1, executions=deal)) == ["differs"]


def test_an_order_that_the_engine_took_up_and_the_broker_does_not_have_is_written_off_at_a_start():
    truth, mine = loop(), book(ours(order(1)))
    seen = [take(truth, at, mine) for at in range(14)]
    assert [one.key for one in seen[10]] == ["written off:O-1"]
    assert [halts(one) for one in seen] == [[]] * 14
    assert truth.degraded.refusal == ""


@pytest.mark.parametrize("net", [0, 1])
def test_no_order_is_written_off_once_books_were_equal_or_while_positions_differ(net):
    truth, mine = loop(), book(ours(order(1)), net=net)
    if net == 0:
        take(truth, 0, mine, order(1))
    seen = [take(truth, at, mine) for at in range(1, 16)]
    assert truth.written_off == set()
    assert "differs" in [key for one in seen for key in halts(one)]


DEALS = (execution("e1", ref="O-1"), execution("e2", ref="", client_id=0, side="SELL"))
"""An entry that filled, and a person's close, of which the gateway has told the node nothing."""


def begun_again(truth, mine, *orders, seconds=70, **fields):
    """Return when the session begins again, with an answer a second from second 1 on."""
    seen = [take(truth, at, mine, *orders, **fields) for at in range(1, seconds)]
    return [
        at for at, found in enumerate(seen, 1) if any(isinstance(one, BeginAgain) for one in found)
    ]


@pytest.mark.parametrize("state", [BookState.IN_FLIGHT, BookState.WORKING])
@pytest.mark.parametrize("deals", [DEALS, ()])
def test_a_session_begins_again_where_only_its_book_has_orders_and_nothing_is_held(state, deals):
    truth = loop()
    take(truth, 0, book())
    mine = book(ours(order(1), state), ours(order(2), state))
    assert begun_again(truth, mine, executions=deals) == [61]


@pytest.mark.parametrize(
    ("began", "mine", "live", "net"),
    [
        (False, book(ours(order(1), BookState.IN_FLIGHT)), (), 0),
        (True, book(ours(order(1), BookState.IN_FLIGHT), net=1), (), 1),
        (True, book(ours(order(1), BookState.IN_FLIGHT), ours(order(2))), (order(2),), 0),
        (True, book(ours(order(1), BookState.IN_FLIGHT)), (order(2),), 0),
        (True, book(), (), 1),
    ],
)
def test_no_session_begins_again_before_books_were_equal_or_while_anything_is_held_or_works(
    began, mine, live, net
):
    truth = loop()
    if began:
        take(truth, 0, book())
    assert begun_again(truth, mine, *live, executions=DEALS, net=net) == []


def test_no_session_begins_again_for_what_the_engine_ends_in_time():
    truth = loop()
    take(truth, 0, book())
    mine = book(ours(order(1), BookState.IN_FLIGHT))
    assert begun_again(truth, mine, seconds=60) == []
    assert take(truth, 60, book(), executions=DEALS) == []
    assert truth.degraded.refusal == ""


def test_differences_that_change_all_the_time_halt_too():
    truth = loop(heal=8.0)
    seen = [take(truth, at, book(net=at % 3 + 1), net=0) for at in range(9)]
    assert halts(seen[8]) == ["differs"]


def test_an_order_that_is_lost_refuses_entries_and_halts_later():
    truth = loop()
    mine = book(ours(order(1), BookState.IN_FLIGHT))
    found = {at: halts(take(truth, at, mine)) for at in range(32)}
    assert [at for at, keys in found.items() if keys] == [30]
    assert "not acknowledged" in truth.degraded.refusal


def test_a_rejection_is_confirmed_by_two_equal_answers_after_it_a_second_apart():
    truth = loop()
    take(truth, 0, book())
    truth.confirm("O-1 rejected (399)", 5 * SECOND)
    take(truth, 4, book())  # asked before it
    assert "checked with the broker" in truth.degraded.refusal
    assert take(truth, 5, book()) == []
    assert take(truth, 5.5, book()) == []
    (tell,) = take(truth, 6, book())
    assert "checked twice" in tell.text
    assert truth.degraded.refusal == ""


def test_no_answer_is_not_nothing():
    truth = loop()
    take(truth, 0, book(net=1), order(1), net=1)
    mine = book(ours(order(1)), net=1)
    told = truth.take(mine, Unknown("it did not answer", SECOND), SECOND)
    assert [type(one) for one in told] == [RaiseAlarm]
    assert truth.degraded.refusal
    assert halts(truth.tick(13 * SECOND)) == ["blind"]
    assert truth.tick(14 * SECOND) == []


def test_a_silent_broker_halts_only_while_the_contract_trades():
    truth = TruthLoop(SCOPE, is_open=lambda contract, at: at > 60 * SECOND)
    assert truth.tick(50 * SECOND) == []
    assert halts(truth.tick(61 * SECOND)) == ["blind"]


@pytest.mark.parametrize("code", [1100, 2110, 0])
def test_a_lost_connection_refuses_entries_until_the_books_agree(code):
    truth = loop()
    take(truth, 0, book())
    assert [type(one) for one in truth.event(code, SECOND)] == [RaiseAlarm]
    assert "connection" in truth.degraded.refusal
    truth.event(1102, 2 * SECOND)
    for at in (2, 3):
        take(truth, at, book())
    assert truth.degraded.refusal == ""


def test_what_still_holds_after_a_resume_halts_again():
    truth = loop()
    mine, twice = book(ours(order(1, ref="A"))), [order(1, ref="A"), order(2, ref="A")]
    for at in range(3):
        take(truth, at, mine, *twice)
    assert halts(take(truth, 3, mine, *twice)) == []
    truth.resumed()
    assert halts(take(truth, 4, mine, *twice)) == ["twice:A"]


def test_it_asks_more_often_while_something_is_held_or_in_doubt():
    def questions(truth):
        return sum(truth.due(SECOND * n // 2) for n in range(120))

    idle, exposed, in_doubt = loop(), loop(), loop()
    take(idle, 0, book())
    take(exposed, 0, book(ours(order(1)), net=1), order(1), net=1)
    assert (questions(idle), questions(exposed), questions(in_doubt)) == (20, 30, 60)


def test_an_answer_from_before_the_loss_is_no_sign_that_the_connection_is_back():
    truth = loop()
    take(truth, 0, book())
    truth.event(1100, 2 * SECOND)
    truth.take(book(), known(SECOND), 2 * SECOND)
    assert "connection" in truth.degraded.refusal


def test_a_clock_that_is_set_back_by_an_hour_delays_neither_a_question_nor_a_stop():
    truth, late, stop = loop(), 3600, order(1, kind="STP")
    take(truth, late, book(ours(stop), net=1), stop, net=1)
    assert truth.due(late * SECOND)
    gone = book(ours(stop, BookState.ENDED), net=1)
    take(truth, late + 1, gone, net=1)
    found = {}
    for at in range(20):
        assert truth.due(at * SECOND)
        for action in take(truth, at, gone, net=1):
            found.setdefault(type(action), at)
    assert found[PlaceStop] == 5
    assert halts(truth.tick(40 * SECOND)) == ["blind"]


def is_unresolved(truth, state=BookState.WORKING, since=0.0):
    return truth.is_unresolved(ours(order(1), state, since=int(since * SECOND)))


def test_an_order_that_was_not_acknowledged_is_unresolved_even_where_the_broker_lists_it():
    truth = loop()
    take(truth, 1, book(ours(order(1), BookState.IN_FLIGHT)), order(1))
    assert is_unresolved(truth, BookState.IN_FLIGHT)
    assert not is_unresolved(truth)


def test_an_order_that_the_broker_no_longer_lists_is_unresolved():
    truth = loop()
    take(truth, 1, book(ours(order(1))))
    assert is_unresolved(truth)


def test_an_order_that_was_acknowledged_after_the_last_look_is_resolved():
    truth = loop()
    take(truth, 1, book())
    assert not is_unresolved(truth, since=1.5)


@pytest.mark.parametrize("code", [1100, 0])
def test_every_order_is_unresolved_while_the_broker_does_not_answer(code):
    truth = loop()
    take(truth, 1, book(ours(order(1))), order(1))
    truth.event(code, 2 * SECOND)
    assert is_unresolved(truth)
    take(truth, 3, book(ours(order(1))), order(1))
    assert not is_unresolved(truth)
    truth.take(book(), Unknown("it did not answer", 4 * SECOND), 4 * SECOND)
    assert is_unresolved(truth)
