"""Limits on options as one position, through the gate of a configured backtest on a made chain."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest

from tests.engine.option_runs import PUT, fills, trade, write_chain
from tests.options import made_chain
from tests.options.made_chain import made_options, store_made_chain

LIMITS = (
    "plugins:\n  guardian_greeks: {delta: 0.3, gamma: 1, vega: 300, worst: 5_000, "
    "deviations: 0.5, short_contracts: 1}\n"
    "risk: {veto_timeout: 60s}\n"  # a busy machine is no veto
)
NEAR, SHORT, LONG = "EW2F26 P6950", "EW2F26 P6800", "EW2F26 P6750"


def reasons(outcome):
    """Return option, status and reason of each order."""
    rows = outcome.orders.sort("ts").select("instrument_id", "status", "reason").rows()
    return [(name.partition(".")[0], status, reason or "") for name, status, reason in rows]


def test_each_limit_vetoes_with_its_reason_and_what_is_within_them_passes(tmp_path):
    start = datetime(2025, 12, 29, 15)
    store_made_chain([(start + i * timedelta(minutes=3), 7_000.0, 0.18) for i in range(8)])
    orders = [(SHORT, -1), (LONG, 4), (LONG, 2), (SHORT, -1), (NEAR, -1), (SHORT, -1)]
    steps = [{"at": n + 2, "option": name, "size": size} for n, (name, size) in enumerate(orders)]
    naked, large, bought, sold, near, many = reasons(trade(tmp_path, *steps, more=LIMITS))

    assert naked[1] == "DENIED"
    assert "no long one protects" in naked[2]
    assert "futures, 0.3 are allowed" in large[2]
    assert "USD, 300 are allowed" in large[2]
    assert (bought[1], sold[1]) == ("FILLED", "FILLED")
    assert "deviations away, 0.5 are the least for a sale" in near[2]
    assert "2 short contracts of one expiry, 1 are allowed" in many[2]


def calm_chain():
    """Store a chain of a price and a volatility that stay as they are."""
    start = datetime(2025, 12, 29, 15)
    store_made_chain([(start + i * timedelta(minutes=3), 7_000.0, 0.18) for i in range(6)])


def limits(**changed):
    """Return a guardian with wide limits but for those that are given."""
    wide = {"delta": 9, "gamma": 9, "vega": 9_000, "worst": 50_000, "deviations": 0}
    inner = ", ".join(f"{name}: {value}" for name, value in (wide | changed).items())
    return f"plugins:\n  guardian_greeks: {{{inner}}}\n"


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ({"gamma": 0.05}, r"gamma [+-]0\.\d\d futures a 1% move, 0\.05 are allowed"),
        ({"worst": 400}, r"the worst scenario loses [\d,]+ USD, 400 are allowed"),
        ({"spread_ticks": 1}, r"EW2F26 P6750 is \d ticks wide, 1 are allowed"),
    ],
)
def test_a_spread_beyond_one_limit_is_vetoed_for_that_alone(tmp_path, limit, why):
    calm_chain()
    steps = [
        {"at": 2, "option": LONG, "size": 3},
        {"at": 3, "option": SHORT, "size": -3},
    ]
    beyond = reasons(trade(tmp_path, *steps, more=limits(**limit)))
    [(_, status, reason), *_] = [one for one in beyond if one[1] == "DENIED"]

    assert status == "DENIED"
    assert re.search(why, reason)
    assert reason.count("allowed") == 1


def test_the_rungs_risk_bounds_the_worst_scenario_where_it_is_less(tmp_path):
    calm_chain()
    outcome = trade(tmp_path, {"option": LONG, "size": 3}, more=limits(), risk="300 USD")
    [(_, status, reason)] = reasons(outcome)

    assert status == "DENIED"
    assert "300 are allowed" in reason


def test_a_long_leg_that_filled_in_part_protects_that_part_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(made_chain, "SIZE", 2.0)
    calm_chain()
    orders = [(LONG, 4), (SHORT, -3), (SHORT, -2)]
    steps = [{"at": n + 2, "option": name, "size": size} for n, (name, size) in enumerate(orders)]
    outcome = trade(tmp_path, *steps, more=limits())
    long, three, two = reasons(outcome)

    assert (long[1], three[1], two[1]) == ("CANCELED", "DENIED", "FILLED")
    assert "no long one protects" in three[2]
    assert [one[1] for one in fills(outcome)] == [2, -2]


def test_without_its_long_leg_the_short_one_is_vetoed(tmp_path):
    calm_chain()
    steps = [
        {"at": 2, "option": LONG, "size": 1, "limit": "0.05"},
        {"at": 3, "option": SHORT, "size": -1},
    ]
    outcome = trade(tmp_path, *steps, more=limits())
    long, short = reasons(outcome)

    assert (long[1], short[1]) == ("ACCEPTED", "DENIED")
    assert "no long one protects" in short[2]
    assert fills(outcome) == []


def test_a_leg_that_the_rules_deny_leaves_its_short_one_vetoed(tmp_path):
    calm_chain()
    steps = [
        {"at": 2, "option": LONG, "size": 3},
        {"at": 3, "option": SHORT, "size": -1},
    ]
    outcome = trade(
        tmp_path,
        *steps,
        more=limits() + "nautilus: {venue: {starting_balances: ['500 USD']}}\n",
    )
    long, short = reasons(outcome)

    assert "margin scan" in long[2]
    assert "no long one protects" in short[2]
    assert fills(outcome) == []


def test_a_future_that_an_assignment_left_counts_at_three_in_the_morning(tmp_path):
    friday = datetime(2026, 1, 9, 15)
    night = datetime(2026, 1, 12, 9)  # 3 a.m. in Chicago
    later = made_options("EW3F26", date(2026, 1, 16))
    moments = [
        *((friday + i * timedelta(minutes=3), 7_000.0, 0.4) for i in range(5)),
        (datetime(2026, 1, 9, 20, 58), 7_040.0, 0.4),
        *((night + i * timedelta(minutes=3), 7_040.0, 0.4) for i in range(4)),
    ]
    store_made_chain(moments, made_options(), later)
    steps = [
        {"at": 2, "option": "EW3F26 C7350", "size": 1},
        {"at": 3, "option": "EW2F26 C7050", "size": 1},
        {"at": 4, "option": "EW2F26 C7025", "size": -1},
        {"at": 8, "option": "EW3F26 C7300", "size": -1},
        {"at": 9, "option": "EW3F26 P6700", "size": 1},
    ]
    outcome = trade(tmp_path, *steps, more=limits(delta=0.8))
    sold, bought = reasons(outcome)[-2:]

    assert ("21:00 ESH26", -1, 7_025.0) in [one[:3] for one in fills(outcome)]
    for _, status, reason in (sold, bought):
        assert status == "DENIED"
        assert "futures, 0.8 are allowed" in reason


def test_without_a_surface_there_is_no_new_risk(tmp_path):
    write_chain()  # three options are too few for one
    [(_, status, reason)] = reasons(trade(tmp_path, {"option": PUT, "size": 1}, more=LIMITS))

    assert status == "DENIED"
    assert "the risk of the options is unknown: " in reason
    assert "usable quotes out of the money" in reason


def test_a_future_of_a_month_without_an_option_counts_in_the_worst_scenario(tmp_path):
    start = datetime(2026, 3, 9, 15)
    moments = [(start + i * timedelta(minutes=3), 7_000.0, 0.18) for i in range(5)]
    store_made_chain(moments, made_options("EW2H26", date(2026, 3, 13)), futures=["ESM26"])
    limits = LIMITS.replace("delta: 0.3", "delta: 3")
    steps = [{"at": 4, "option": "EW2H26 P6800", "size": 1}, {"option": "ESM26", "size": 1}]
    (future, *_), (_, status, reason) = reasons(trade(tmp_path, *steps, more=limits))

    assert (future, status) == ("ESM26", "DENIED")
    assert "the worst scenario loses 71,968 USD" in reason  # ESM26 at -20.5%, and the put
