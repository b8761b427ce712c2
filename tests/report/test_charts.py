"""What the charts show is what happened, in Chicago time, and never more than a screen holds."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from qe_plugins.report import charts, price_chart, tearsheet_rows
from qe_plugins.report.figures import margin, prices
from qe_plugins.report.figures.equity import AccountHistory
from qe_plugins.report.summary import summarize
from tests.report.fake import bare, busy, contract, frame, roll

MES = "MESH24.XCME"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def milliseconds(text: str) -> int:
    return at(text) // 10**6


@pytest.fixture
def outcome(tmp_path):
    return busy(tmp_path, sessions=12, trades=40)


def marked(tmp_path: Path, *equity: tuple[str, float]):
    """Return the ledger of a one-contract position marked so that equity is as given."""
    first = at(equity[0][0]) - 60 * 10**9
    fill = (first, MES, "BUY", 1.0, 0.0, 0.0, "USD", "s", "O", "T", "P", "TAKER")
    marks = [(at(when), MES, (worth - 100_000) / 5) for when, worth in equity]
    return AccountHistory.of(
        bare(tmp_path, fills=frame("fills", [fill]), marks=frame("marks", marks))
    )


def test_times_are_chicago_wall_time(tmp_path):
    ledger = marked(tmp_path, ("2024-01-03T16:00", 100_100), ("2024-07-03T16:00", 100_200))
    assert charts.equity(ledger)["x"][1:] == [
        milliseconds("2024-01-03T10:00"),
        milliseconds("2024-07-03T11:00"),
    ]


def test_each_hour_holds_what_the_account_made_in_it(tmp_path):
    ledger = marked(
        tmp_path,
        ("2024-01-03T15:00", 100_010),
        ("2024-01-03T16:00", 100_030),
        ("2024-01-04T16:00", 100_025),
    )
    hours = charts.hours(ledger)
    made = dict(zip(hours["hour"], hours["pnl"], strict=True))
    assert {hour: pnl for hour, pnl in made.items() if pnl} == {"08": 10.0, "09": 15.0}
    assert (hours["hour"][0], hours["hour"][-1]) == ("17", "16")


def test_the_hours_add_up_to_the_account(outcome):
    ledger = AccountHistory.of(outcome)
    total = sum(charts.hours(ledger)["pnl"])
    assert total == pytest.approx(ledger.final_equity - 100_000, abs=0.2)


def test_months_compound_to_the_year(tmp_path):
    ledger = marked(
        tmp_path,
        ("2023-12-29T16:00", 100_000),
        ("2024-01-03T16:00", 101_000),
        ("2024-02-05T16:00", 99_990),
    )
    before, year = charts.months(ledger)
    assert before["months"] == [None] * 11 + [0.0]
    assert year["months"][:3] == [pytest.approx(0.01), pytest.approx(-0.01), None]
    assert year["total"] == pytest.approx(-0.0001)


def test_a_daily_bar_counts_on_the_day_it_is_of(tmp_path):
    """Friday's bar closes at Saturday's midnight in UTC, Sunday's evening is Monday's session."""
    days = [
        ("2024-05-29T00:00", 100_000),  # Tuesday's
        ("2024-06-01T00:00", 101_000),  # Friday's, the last of May
        ("2024-07-01T00:00", 103_020),  # Sunday's, of Monday the first of July
    ]
    first = at("2024-05-28T00:00")
    fill = (first, MES, "BUY", 1.0, 0.0, 0.0, "USD", "s", "O", "T", "P", "TAKER")
    marks = [(at(when), MES, (worth - 100_000) / 5) for when, worth in days]
    ledger = AccountHistory.of(
        bare(
            tmp_path,
            fills=frame("fills", [fill]),
            marks=frame("marks", marks),
            bar_spec="1-DAY-LAST",
        )
    )
    sessions = [str(day) for day in ledger.sessions["session"]]
    assert sessions == ["2024-05-27", "2024-05-28", "2024-05-31", "2024-07-01"]
    [year] = charts.months(ledger)
    assert year["months"][4] == pytest.approx(0.01)
    assert year["months"][5] is None
    assert year["months"][6] == pytest.approx(0.02)


def test_months_from_ruin_on_are_empty(tmp_path):
    ledger = marked(
        tmp_path,
        ("2024-01-03T16:00", 101_000),
        ("2024-02-05T16:00", 0),
        ("2024-03-05T16:00", 50_000),
    )
    [year] = charts.months(ledger)
    assert year["months"][:3] == [pytest.approx(0.01), None, None]
    assert year["total"] is None


def test_a_long_curve_is_thinned_but_keeps_its_extremes(tmp_path):
    walk = 100_000 + np.cumsum(np.random.default_rng(3).normal(0, 50, 9_000))
    start = datetime(2024, 1, 3, tzinfo=UTC).timestamp()
    rows = [
        ((int(start) + 60 * n) * 10**9, MES, (worth - 100_000) / 5) for n, worth in enumerate(walk)
    ]
    fill = (rows[0][0], MES, "BUY", 1.0, 0.0, 0.0, "USD", "s", "O", "T", "P", "TAKER")
    outcome = bare(tmp_path, fills=frame("fills", [fill]), marks=frame("marks", rows))
    shown = charts.equity(AccountHistory.of(outcome))
    assert len(shown["x"]) <= 3 * charts.INTERVALS
    assert (min(shown["equity"]), max(shown["equity"])) == (
        pytest.approx(walk.min(), abs=0.01),
        pytest.approx(walk.max(), abs=0.01),
    )
    assert shown["equity"][-1] == pytest.approx(walk[-1], abs=0.01)


def test_a_price_line_has_no_more_points_than_asked_and_keeps_the_range(outcome):
    window = (outcome.data.start, outcome.data.end)
    whole = prices.downsampled(outcome, MES, window, 10**6)
    few = prices.downsampled(outcome, MES, window, 300)
    assert whole.height == 12 * 23 * 60
    assert few.height <= 301
    assert (few["high"].max(), few["low"].min()) == (whole["high"].max(), whole["low"].min())
    assert few["close"][-1] == whole["close"][-1]


def test_without_bars_the_marks_are_drawn(tmp_path):
    marks = frame("marks", [(at("2024-01-03T15:00"), MES, 4700.0)])
    shown = prices.downsampled(bare(tmp_path, marks=marks), MES, (0, 2 * 10**18))
    assert shown.select("high", "low", "close").rows() == [(4700.0, 4700.0, 4700.0)]


def test_a_veto_stands_at_the_price_known_at_its_time(tmp_path):
    marks = [(at("2024-01-03T15:00"), MES, 4700.0), (at("2024-01-03T16:00"), MES, 4800.0)]
    veto = (at("2024-01-03T15:30"), "guardian", "O-1", "s", MES, "BUY", 1.0, "too wild")
    outcome = bare(tmp_path, marks=frame("marks", marks), vetoes=frame("vetoes", [veto]))
    told = price_chart.charts(outcome)[0]["vetoes"]
    assert (told["y"], told["reason"]) == ([4700.0], ["too wild"])


def test_every_trade_and_every_veto_is_in_the_chart(outcome):
    (chart,) = price_chart.charts(outcome)
    assert len(chart["trades"]["opened"]) == outcome.positions.height
    assert len(chart["vetoes"]["x"]) == outcome.vetoes.height
    assert [line["name"] for line in chart["lines"]] == ["MESH24.XCME", "MESM24.XCME"]


def test_a_run_that_did_nothing_shows_its_tape(outcome):
    idle = {name: getattr(outcome, name).clear() for name in ("fills", "vetoes", "positions")}
    data = outcome.data
    (chart,) = price_chart.charts(bare(outcome.catalog, data=data, **idle))
    assert len(chart["lines"]) == 2
    assert chart["trades"]["opened"] == []


def test_a_run_without_contracts_has_no_price_to_show(tmp_path):
    outcome = bare(tmp_path)
    nothing = msgspec.structs.replace(outcome.data, contracts=[])
    assert price_chart.charts(bare(tmp_path, data=nothing)) == []


def test_each_root_has_its_own_chart(tmp_path):
    contracts = [contract(), msgspec.structs.replace(contract("CLH24.XNYM"), root="CL")]
    data = msgspec.structs.replace(bare(tmp_path).data, contracts=contracts)
    when = at("2024-01-03T15:00")
    vetoes = [(when, "g", "O", "s", name, "BUY", 1.0, "no") for name in (MES, "CLH24.XNYM")]
    outcome = bare(tmp_path, data=data, vetoes=frame("vetoes", vetoes))
    assert [chart["root"] for chart in price_chart.charts(outcome)] == ["MES", "CL"]


def test_trades_are_listed_with_their_worst_as_a_loss(outcome):
    rows = tearsheet_rows.trades(outcome)
    assert rows[0]["opened_at"].startswith("2024-01-02 17:")
    assert max(row["adverse"] for row in rows) <= 0
    assert {row["precision"] for row in rows} == {2}


def test_costs_add_up(outcome, tmp_path):
    costs = {
        label: value
        for label, value, _ in tearsheet_rows.costs(outcome, summarize(outcome, tmp_path))
    }
    gross, fees, slipped, net = (
        float(costs[label].removesuffix(" USD").replace(",", ""))
        for label in ("P&L at reference prices", "Commissions", "Slippage", "Net P&L")
    )
    assert gross - fees - slipped == pytest.approx(net, abs=0.011)
    assert costs["Commission per contract and side"] == "0.57 USD"
    assert costs["Contracts traded (sides)"] == f"{pl.Series(outcome.fills['quantity']).sum():.0f}"
    assert costs["Rolls, included above"] == "7.28 USD"


def test_the_legs_of_a_roll_stand_on_the_chart_at_the_price_they_filled(outcome):
    rolls = price_chart.charts(outcome)[0]["rolls"]
    assert (rolls["y"], rolls["side"]) == ([4749.75, 4802.75], ["SELL", "BUY"])
    assert rolls["x"][0] == rolls["x"][1]


def test_a_roll_is_listed_with_its_time_in_chicago(outcome, tmp_path):
    moved = roll(at("2024-03-14T14:31"), MES, "MESM24.XCME")
    rolled = dataclasses.replace(outcome, rolls=[moved])
    (row,) = tearsheet_rows.rolls(rolled, summarize(rolled, tmp_path))
    assert (row["clock"], row["precision"]) == ("2024-03-14 09:31:00", 2)


def test_margin_is_drawn_in_percent_of_equity(outcome):
    used = margin.against(AccountHistory.of(outcome).curve, outcome.account)
    drawn = charts.margin(used)
    assert max(drawn["margin"]) == 4_500.0
    assert max(drawn["share"]) == pytest.approx(4.5, abs=0.1)
