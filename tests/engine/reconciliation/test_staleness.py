"""Quotes and bars that do not come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.engine.reconciliation.actions import HaltTrading, Resubscribe
from qe_plugins.engine.reconciliation.staleness import StaleWatch
from tests.engine.reconciliation.made import MES, SECOND


def watch(*, is_open=lambda contract, at: True, bars=None):
    found = StaleWatch(is_open)
    found.expect(MES, 0, bars)
    return found


def run(found, seconds, quoted=lambda second: False, *, begin=0):
    """Return the kinds of actions by second."""
    kinds = {}
    for second in range(begin, seconds):
        if quoted(second):
            found.quote(MES, second * SECOND)
        for action in found.check(second * SECOND):
            kinds.setdefault(type(action).__name__, []).append(second)
    return kinds


def test_quotes_older_than_5_s_are_asked_for_once_then_it_halts():
    assert run(watch(), 60) == {"Resubscribe": [6], "RaiseAlarm": [6], "HaltTrading": [17]}


def test_data_that_come_back_start_again():
    kinds = run(watch(), 60, lambda second: second < 3 or 10 <= second < 40)
    assert kinds["Resubscribe"] == [8, 45]
    assert kinds["HaltTrading"] == [56]


def test_a_1101_asks_at_once_and_halts_where_nothing_comes():
    found = watch()
    found.quote(MES, 0)
    assert [type(one) for one in found.data_lost(0)][:1] == [Resubscribe]
    assert found.data_lost(0) == []
    kinds = run(found, 30)
    assert "Resubscribe" not in kinds
    assert kinds["HaltTrading"] == [11]


def test_a_1101_asks_again_for_streams_that_were_asked_for_in_the_outage():
    found = watch()
    assert run(found, 9) == {"Resubscribe": [6], "RaiseAlarm": [6]}
    assert [type(one) for one in found.data_lost(8 * SECOND)][:1] == [Resubscribe]
    kinds = run(found, 30, begin=9)
    assert "Resubscribe" not in kinds
    assert kinds["HaltTrading"] == [19]


def test_it_goes_on_asking_once_a_minute_while_it_is_halted():
    found = watch()
    assert run(found, 200) == {
        "Resubscribe": [6, 67, 128, 189],
        "RaiseAlarm": [6],
        "HaltTrading": [17],
    }


def test_what_is_stale_when_a_person_resumes_is_asked_for_and_halts_again():
    found = watch()
    run(found, 30)
    found.resumed()
    kinds = run(found, 60, begin=30)
    assert (kinds["Resubscribe"], kinds["HaltTrading"]) == ([30], [41])


def test_a_clock_that_was_set_back_delays_no_question():
    found = watch()
    found.quote(MES, 3600 * SECOND)
    assert run(found, 20) == {"Resubscribe": [6], "RaiseAlarm": [6], "HaltTrading": [17]}


def test_a_late_bar_is_asked_for_and_a_second_one_halts():
    kinds = run(watch(bars={"1m": 60.0}), 200, lambda second: True)
    assert kinds["Resubscribe"] == [71, 133, 194]
    assert kinds["HaltTrading"] == [132]


def test_bars_in_time_are_fresh():
    found = watch(bars={"1m": 60.0})
    for second in range(300):
        found.quote(MES, second * SECOND)
        if second % 60 == 2:
            found.bar(MES, "1m", second // 60 * 60 * SECOND)
        assert found.check(second * SECOND) == []


def test_bars_are_late_only_once_they_were_asked_for():
    found = watch(bars={"1m": 60.0})
    for second in range(300):
        found.quote(MES, second * SECOND)
        found.not_asked_for(MES, "1m", second * SECOND)
        assert found.check(second * SECOND) == []
    kinds = run(found, 350, lambda second: True, begin=300)
    assert kinds["Resubscribe"] == [311]


@given(st.integers(0, 200), st.integers(1, 100))
def test_a_closed_market_is_never_stale(close, length):
    found = watch(is_open=lambda contract, at: not close * SECOND <= at < (close + length) * SECOND)
    for second in range(close + length + 5):
        if not close <= second < close + length:
            found.quote(MES, second * SECOND)
        assert not [one for one in found.check(second * SECOND) if isinstance(one, HaltTrading)]
        assert not found.is_stale(MES, second * SECOND)
