"""Limits on options as one position, through the gate of a configured backtest on a made chain."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tests.engine.option_runs import PUT, trade, write_chain
from tests.options.made_chain import made_options, store_made_chain

LIMITS = (
    "plugins:\n  guardian_greeks: {delta: 0.3, gamma: 1, vega: 300, worst: 5_000, "
    "deviations: 0.5, short_contracts: 1}\n"
    "risk: {veto_timeout: 60s}\n"
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


def test_without_a_surface_there_is_no_new_risk(tmp_path):
    write_chain()  # three options are too few for one
    [(_, status, reason)] = reasons(trade(tmp_path, {"option": PUT, "size": 1}, more=LIMITS))

    assert status == "DENIED"
    assert "the risk of the options is unknown: " in reason
    assert "usable quotes out of the money" in reason


def test_a_future_of_a_month_without_an_option_counts_in_the_worst_scenario(tmp_path):
    near, far = made_options("EW2H26", date(2026, 3, 13)), made_options("EW4H26", date(2026, 3, 27))
    start = datetime(2026, 3, 9, 15)
    moments = [(start + i * timedelta(minutes=3), 7_000.0, 0.18) for i in range(5)]
    store_made_chain(moments, near, far)
    limits = LIMITS.replace("delta: 0.3", "delta: 3")
    steps = [{"at": 4, "option": "EW2H26 P6800", "size": 1}, {"option": "ESM26", "size": 1}]
    (future, *_), (_, status, reason) = reasons(trade(tmp_path, *steps, more=limits))

    assert (future, status) == ("ESM26", "DENIED")
    assert "the worst scenario loses 71,968 USD" in reason  # ESM26 at -20.5%, and the put
