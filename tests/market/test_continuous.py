"""A continuous series has only what was known, with the contracts' price changes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.errors import DataError
from qe_plugins.market.continuous import Adjust, continuous, segments
from qe_plugins.market.roll_calendar import PricePair, Roll, RollCalendar, Rule

FIRST = date(2024, 1, 1)
NAMES = ("ESH24", "ESM24", "ESU24", "ESZ24")
NANO = 1_000_000_000
TICKS = st.integers(4_000, 24_000)  # of 0.25


def day(n):
    return FIRST + timedelta(days=n)


@st.composite
def histories(draw):
    """Draw closes of four contracts a day, and a calendar that rolls through them."""
    length = draw(st.integers(8, 24))
    ticks = draw(st.lists(st.tuples(*[TICKS] * 4), min_size=length, max_size=length))
    at = sorted(draw(st.sets(st.integers(1, length - 1), min_size=1, max_size=3)))
    return bars(ticks), calendar(ticks, at)


def bars(ticks):
    rows = [
        (name, day(n), n, close * NANO // 4, 10)
        for n, closes in enumerate(ticks)
        for name, close in zip(NAMES, closes, strict=True)
    ]
    frame = pl.DataFrame(rows, ["contract", "session", "ts", "close", "volume"], orient="row")
    return frame.with_columns(open="close", high="close", low="close")


def calendar(ticks, at, *, priced=True):
    rolls = tuple(
        Roll(
            date=day(n),
            known=day(n - 1),
            before=f"{NAMES[i]}.XCME",
            after=f"{NAMES[i + 1]}.XCME",
            reason="a test",
            prices=PricePair("close", *(Decimal(ticks[n - 1][j]) / 4 for j in (i, i + 1)))
            if priced
            else None,
        )
        for i, n in enumerate(at)
    )
    return RollCalendar(
        root="ES",
        rule=Rule.VOLUME,
        start=FIRST,
        end=day(len(ticks) - 1),
        first="ESH24.XCME",
        rolls=rolls,
    )


def closes(frame, rolls, as_of, adjust):
    return continuous(frame, segments(rolls, as_of, adjust))["close"].to_list()


def held(frame, rolls):
    """Return what the current contract itself made on each session, in points and as a ratio."""
    wide = frame.pivot("contract", index="session", values="close").sort("session")
    for before, after in pairwise(wide.to_dicts()):
        name = rolls.front(after["session"]).partition(".")[0]
        yield (after[name] - before[name]) / NANO, after[name] / before[name]


@given(histories())
def test_the_difference_series_makes_what_the_contracts_made(drawn):
    frame, rolls = drawn
    series = closes(frame, rolls, rolls.end, Adjust.DIFFERENCE)
    made = [after - before for before, after in pairwise(series)]
    assert made == pytest.approx([points for points, _ in held(frame, rolls)])


@given(histories())
def test_the_ratio_series_returns_what_the_contracts_returned(drawn):
    frame, rolls = drawn
    series = closes(frame, rolls, rolls.end, Adjust.RATIO)
    made = [after / before for before, after in pairwise(series)]
    assert made == pytest.approx([ratio for _, ratio in held(frame, rolls)])


@given(histories(), st.sampled_from(list(Adjust)))
def test_the_anchor_is_as_traded(drawn, adjust):
    frame, rolls = drawn
    anchor = rolls.front(rolls.end)
    shown = continuous(frame, segments(rolls, rolls.end, adjust))
    traded = frame.filter(pl.col("contract") == anchor.partition(".")[0])
    tail = shown.filter(pl.col("contract") == anchor)
    assert tail["close"].to_list() == [c / NANO for c in traded.tail(tail.height)["close"]]


@settings(max_examples=50)
@given(histories(), st.sampled_from(list(Adjust)), st.integers(0, 23))
def test_a_series_as_of_a_day_is_the_same_whatever_comes_later(drawn, adjust, cut):
    frame, rolls = drawn
    as_of = min(day(cut), rolls.end)
    known = rolls.between(FIRST, as_of)
    past = frame.filter(pl.col("session") <= as_of)
    shown = continuous(frame, segments(rolls, as_of, adjust))
    assert shown.equals(continuous(past, segments(known, as_of, adjust)))
    assert shown["session"].max() == as_of


@given(histories())
def test_every_session_is_there_once(drawn):
    frame, rolls = drawn
    shown = continuous(frame, segments(rolls, rolls.end, Adjust.RATIO))
    assert shown["session"].to_list() == frame["session"].unique().sort().to_list()


def test_a_roll_without_prices_cannot_be_adjusted():
    rolls = calendar([(1, 1, 1, 1)] * 8, [4], priced=False)
    with pytest.raises(DataError, match=r"no prices of ESH24\.XCME and ESM24\.XCME on 2024-01-04"):
        segments(rolls, rolls.end, Adjust.RATIO)
    assert len(segments(rolls, rolls.end, Adjust.NONE)) == 2


def test_before_the_roll_its_adjustment_is_not_visible():
    rolls = calendar([(400, 500, 1, 1)] * 8, [4])
    assert [one.ratio for one in segments(rolls, day(3), Adjust.RATIO)] == [1]
    assert [one.ratio for one in segments(rolls, day(4), Adjust.RATIO)] == [Decimal("1.25"), 1]
