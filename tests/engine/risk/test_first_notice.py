"""A deliverable contract is closed before first notice: the desk does not take delivery.

First notice of GCZ13 is Friday 2013-11-29, and Thursday is Thanksgiving: whoever is long at 16:15
in Chicago on Wednesday may be chosen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.journal.facts import FactKind
from tests.engine.one_root import ns, trade

EXPIRY = ns("2013-12-27 12:30")
WEEK = (
    *("2013-11-27 15:00", "2013-11-27 15:43", "2013-11-27 15:50"),
    *("2013-11-28 11:00", "2013-11-29 09:00"),
)


def gold(folder: Path, *times: str, trader: str = "BuysOnce", **more: Any) -> BacktestResult:
    return trade(folder, "GCZ13", EXPIRY, times, trader, **more)


def test_a_position_is_closed_half_an_hour_before_the_last_business_day_ahead_of_it_ends(tmp_path):
    outcome = gold(tmp_path, *WEEK)

    assert outcome.fills["side"].to_list() == ["BUY", "SELL"]
    assert outcome.fills["ts"].dt.strftime("%m-%d %H:%M").to_list()[1] == "11-27 21:45"
    [fact] = [fact for fact in outcome.facts if fact.kind is FactKind.CLOSING]
    assert fact.body["reason"] == "closes +1 GCZ13.XCEC of BuysOnce-000"


def test_no_new_risk_is_taken_from_then_on(tmp_path):
    outcome = gold(tmp_path, *WEEK, trader="BuysAtEveryBar")

    reasons = outcome.orders["reason"].to_list()
    assert set(reasons[2:5]) - {None} == {"expiry: GCZ13.XCEC may be delivered from 2013-11-29"}
    assert outcome.orders["status"].to_list().count("DENIED") == 3


def test_who_asks_for_it_may_hold_on(tmp_path):
    outcome = gold(tmp_path, *WEEK, expiry={"flat_before": "0s"})

    assert outcome.fills["side"].to_list() == ["BUY"]


def test_the_report_says_so(tmp_path):
    said = gold(tmp_path, *WEEK).assumptions

    assert any("GCZ13 on 2013-11-29" in line for line in said)


@pytest.mark.parametrize("flat_before", ["30m", "2h"])
def test_oil_expires_before_it_could_be_delivered(tmp_path, flat_before):
    last = ("2013-11-20 11:28", "2013-11-20 12:58", "2013-11-20 13:20")
    times = ("2013-11-15 09:00", "2013-11-19 10:00", *last)
    expires = ns("2013-11-20 13:30")
    outcome = trade(
        tmp_path, "CLZ13", expires, times, "BuysOnce", expiry={"flat_before": flat_before}
    )

    minutes = {"30m": "19:00", "2h": "17:30"}[flat_before]
    assert outcome.fills["ts"].dt.strftime("%m-%d %H:%M").to_list()[1] == f"11-20 {minutes}"
