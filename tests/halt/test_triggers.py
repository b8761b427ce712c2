"""Each condition against a plain description of it, over readings that hypothesis makes up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.halt.triggers import (
    GIB,
    SECOND,
    ClockSkew,
    DailyLoss,
    DiskLow,
    ExpiredPosture,
    HookTimeout,
    JournalNotWritable,
    Readings,
    RejectedOrders,
    StaleData,
)
from qe_plugins.market.sessions import open_time
from qe_plugins.plugins.types import Posture

LIMIT = Decimal(150)
PNLS = st.lists(st.one_of(st.none(), st.integers(-400, 100)), max_size=40)
MONDAY = 1_704_722_400 * SECOND  # 2024-01-08 14:00 UTC, when ES trades


def at(now: int = 0, **more: object) -> Readings:
    return Readings(now=now, **more)


def always(root: str, since: int, until: int) -> int:
    return until - since


@given(PNLS, st.integers(1, 5))
def test_a_loss_fires_after_so_many_readings_in_a_row_and_not_before(pnls, needed):
    trigger = DailyLoss(LIMIT, needed, "USD")
    known: list[int] = []
    for pnl in pnls:
        fired = trigger.check(at(day_pnl=None if pnl is None else Decimal(pnl))) is not None
        known += [] if pnl is None else [pnl]
        last = known[-needed:]
        assert fired == (len(last) == needed and all(one <= -LIMIT for one in last))


@given(st.integers(150, 400), st.integers(0, 400))
def test_after_a_resume_a_loss_fires_one_further_limit_below(first, more):
    trigger = DailyLoss(LIMIT, 1, "USD")
    assert trigger.check(at(day_pnl=Decimal(-first))) is not None
    trigger.resumed()

    assert trigger.check(at(day_pnl=Decimal(-first))) is None
    assert (trigger.check(at(day_pnl=Decimal(-first - more))) is not None) == (more >= LIMIT)


def test_on_a_new_day_the_first_limit_is_in_force_again():
    trigger = DailyLoss(LIMIT, 1, "USD")
    trigger.check(at(day_pnl=Decimal(-200)))
    trigger.resumed()

    assert trigger.check(at(day_pnl=Decimal(0))) is None
    assert trigger.check(at(day_pnl=Decimal(-150))) is not None


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(0, 400), st.integers(1, 5))
def test_rejections_fire_once_so_many_were_within_the_time_whenever_that_is_read(
    times, later, most
):
    trigger = RejectedOrders(most, 60.0)
    times = sorted(times)
    for ts in times:
        trigger.rejected(ts * SECOND, "no margin")
    now = max(times, default=0) + later
    spans = [last - first for first, last in zip(times, times[most - 1 :], strict=False)]

    assert (trigger.check(at(now * SECOND)) is not None) == any(span < 60 for span in spans)
    holds = sum(ts > now - 60 for ts in times[-most:]) >= most
    assert (trigger.check(at(now * SECOND)) is not None) == holds


@given(st.lists(st.integers(0, 2_000), max_size=20), st.integers(0, 4_000))
def test_a_bar_is_late_after_its_length_and_the_limit(closes, now):
    trigger = StaleData(300.0, always)
    trigger.expect("MESH24.XCME", "MES", 60.0, 0)
    for ts in closes:
        trigger.bar("MESH24.XCME", ts * SECOND)
    last = max([0, *closes])

    fired = trigger.check(at(now * SECOND))

    assert (fired is not None) == (now - last > 360)


@given(st.integers(0, 14 * 24 * 60))
def test_only_the_time_in_which_the_market_is_open_counts(minutes):
    trigger = StaleData(300.0, open_time)
    trigger.expect("ESH24.XCME", "ES", 60.0, MONDAY)
    now = MONDAY + minutes * 60 * SECOND

    fired = trigger.check(at(now))

    assert (fired is not None) == (open_time("ES", MONDAY, now) > 360 * SECOND)


def test_a_weekend_is_not_late_and_the_first_minutes_after_it_are():
    friday = 1_705_096_800 * SECOND - 3_600 * SECOND  # 2024-01-12 21:00 UTC, an hour before close
    close = friday + 3_600 * SECOND
    sunday = close + 49 * 3_600 * SECOND
    trigger = StaleData(300.0, open_time)
    trigger.expect("ESH24.XCME", "ES", 60.0, friday)
    trigger.bar("ESH24.XCME", close)

    assert trigger.check(at(sunday)) is None
    assert trigger.check(at(sunday + 361 * SECOND)) is not None


def test_a_contract_that_was_rolled_out_of_is_expected_no_more():
    trigger = StaleData(300.0, always)
    trigger.expect("MESH24.XCME", "MES", 60.0, 0)
    trigger.expect_no_more("MESH24.XCME")
    trigger.bar("MESH24.XCME", 5)

    assert trigger.check(at(10_000 * SECOND)) is None


@given(st.one_of(st.none(), st.integers(0, 100)), st.integers(0, 100))
def test_a_posture_fires_from_its_expiry_on(until, now):
    posture = Posture(reason="calm", valid_until=until)

    fired = ExpiredPosture().check(at(now, posture=posture))

    assert (fired is not None) == (until is not None and now >= until)
    assert ExpiredPosture().check(at(now)) is None


@given(st.one_of(st.none(), st.floats(-5, 5)))
def test_a_clock_fires_beyond_its_limit_in_either_direction(skew):
    fired = ClockSkew(1.0).check(at(skew=skew))

    assert (fired is not None) == (skew is not None and abs(skew) > 1.0)


@given(st.one_of(st.none(), st.integers(0, 3 * GIB)))
def test_a_disk_fires_below_its_limit(free):
    fired = DiskLow(1.0).check(at(free_bytes=free))

    assert (fired is not None) == (free is not None and free < GIB)


@pytest.mark.parametrize("error", [None, "database is locked"])
def test_a_journal_fires_while_it_cannot_be_written(error):
    assert (JournalNotWritable().check(at(journal_error=error)) is not None) == (error is not None)


def test_a_hook_that_timed_out_fires_until_a_person_resumes():
    trigger = HookTimeout()
    assert trigger.check(at()) is None
    trigger.timed_out("limits", "veto_order", 1.0)

    assert trigger.check(at(10**18)) == "limits did not answer veto_order within 1 s"
    trigger.resumed()
    assert trigger.check(at()) is None
