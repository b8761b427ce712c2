"""The account's worth, from fills and marks."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.report.figures import equity
from tests.report.fake import frame

ES, OTHER = "MESH24.XCME", "MESM24.XCME"
WORTH = {ES: 5.0, OTHER: 5.0}


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def fill(when: str, side: str, price: float, quantity: float = 1.0, instrument: str = ES) -> tuple:
    return (at(when), instrument, side, quantity, price, 0.5, "USD", "s", "O", "T", "P", "TAKER")


def curve(fills: list[tuple], marks: list[tuple]):
    return equity.curve(frame("fills", fills), frame("marks", marks), WORTH, 1_000.0)


def test_an_open_position_is_marked_at_the_last_price():
    marked = curve(
        [fill("2024-01-03T15:00", "BUY", 4700.0, 2)], [(at("2024-01-03T16:00"), ES, 4703.0)]
    )
    assert marked["equity"].to_list() == [999.5, 1029.5]
    assert marked["contracts"].to_list() == [2, 2]


def test_a_closed_position_leaves_its_profit_and_two_commissions():
    marked = curve(
        [fill("2024-01-03T15:00", "SELL", 4700.0), fill("2024-01-03T15:30", "BUY", 4690.0)],
        [(at("2024-01-03T16:00"), ES, 4800.0)],
    )
    assert marked["equity"].to_list()[-1] == 1_000 + 50 - 1
    assert marked["contracts"].to_list()[-1] == 0


def test_two_contracts_are_marked_each_at_its_own_price():
    marked = curve(
        [
            fill("2024-01-03T15:00", "BUY", 4700.0),
            fill("2024-01-03T15:00", "SELL", 4750.0, instrument=OTHER),
        ],
        [(at("2024-01-03T16:00"), ES, 4710.0), (at("2024-01-03T16:00"), OTHER, 4758.0)],
    )
    assert marked["equity"].to_list()[-1] == 1_000 - 1 + 50 - 40
    assert marked["contracts"].to_list()[-1] == 2


def test_a_mark_at_the_moment_of_a_fill_counts():
    marked = curve(
        [fill("2024-01-03T16:00", "BUY", 4700.0)], [(at("2024-01-03T16:00"), ES, 4701.0)]
    )
    assert marked["equity"].to_list() == [1_000 - 0.5 + 5]


def test_drawdown_is_measured_from_the_starting_balance_on():
    marked = curve(
        [fill("2024-01-03T15:00", "BUY", 4700.0)],
        [(at("2024-01-03T16:00"), ES, 4680.1), (at("2024-01-03T17:00"), ES, 4700.1)],
    )
    assert marked["drawdown"].to_list() == pytest.approx([-0.0005, -0.1, 0.0])


def test_the_evening_belongs_to_the_next_session():
    marked = curve([], [(at(f"2024-01-03T{t}"), ES, 4700.0) for t in ("22:00", "22:59", "23:00")])
    assert marked["session"].to_list() == [date(2024, 1, 3)] * 2 + [date(2024, 1, 4)]


def test_sunday_evening_is_mondays_session_on_both_sides_of_a_clock_change():
    sundays = ("2024-03-03T23:00", "2024-03-10T22:00", "2024-11-03T23:00")
    marked = curve([], [(at(sunday), ES, 4700.0) for sunday in sundays])
    assert [day.isoweekday() for day in marked["session"]] == [1, 1, 1]


def test_a_session_returns_on_the_equity_of_the_session_before():
    marked = curve(
        [fill("2024-01-03T15:00", "BUY", 4700.0)],
        [(at("2024-01-03T16:00"), ES, 4720.1), (at("2024-01-04T16:00"), ES, 4698.1)],
    )
    days = equity.sessions(marked, 1_000.0)
    assert days["pnl"].to_list() == pytest.approx([100.0, -110.0])
    assert days["return"].to_list() == pytest.approx([0.1, -0.1])


def test_exposure_counts_the_hours_that_end_with_a_position():
    marked = curve(
        [fill("2024-01-03T15:30", "BUY", 4700.0), fill("2024-01-03T16:30", "SELL", 4700.0)],
        [(at(f"2024-01-03T{hour}:00"), ES, 4700.0) for hour in (15, 16, 17, 18)],
    )
    assert equity.exposure(marked) == 0.25


def test_nothing_traded_on_no_tape_is_an_empty_curve():
    marked = curve([], [])
    assert marked.is_empty()
    assert equity.exposure(marked) is None
    assert equity.sessions(marked, 1_000.0).is_empty()


trades = st.lists(
    st.tuples(
        st.integers(0, 500),
        st.sampled_from((ES, OTHER)),
        st.sampled_from(("BUY", "SELL")),
        st.integers(1, 9),
        st.integers(16_000, 20_000),
    ),
    max_size=40,
)


@given(made=trades, last=st.integers(16_000, 20_000))
def test_the_curve_ends_where_plain_bookkeeping_ends(made, last):
    start = at("2024-01-03T15:00")
    rows = [
        (start + minute * 60 * 10**9, name, side, float(size), ticks / 4, 0.57, "USD", *"SOTPL")
        for minute, name, side, size, ticks in made
    ]
    end = start + 600 * 60 * 10**9
    marked = curve(rows, [(end, ES, last / 4), (end, OTHER, last / 4)])
    expected = 1_000.0
    for _, _, side, size, ticks in made:
        sign = 1 if side == "BUY" else -1
        expected += sign * size * (last - ticks) / 4 * 5 - 0.57
    assert marked["equity"].to_list()[-1] == pytest.approx(expected, abs=1e-5)
