"""Micro-backtests of sessions agree with what a thesis earns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qe_plugins.features.windows import features_of_windows
from qe_plugins.fleet.backtests.jobs import BacktestJobs
from qe_plugins.fleet.roles import RoleContext
from qe_plugins.fleet.roles.attacks import attack
from qe_plugins.fleet.roles.run import tool_context
from qe_plugins.fleet.roles.validation import round_trip_cost
from qe_plugins.fleet.tools import TOOLS, called
from qe_plugins.plugins.types import Role
from tests.fleet.conftest import market

ASKED = {"instrument": "instrument A", "side": "short", "feature": "place", "above": 0.8}
ASKED |= {"stop": 3.0, "horizon": 30}


@pytest.fixture
def context(small):
    known = market(minutes=2_500)
    return RoleContext(loaded=small(), market=known, as_of=known.as_of)


@pytest.fixture
def jobs():
    """Return the jobs of a session."""
    with BacktestJobs("session", 60.0) as opened:
        yield opened


def run(context, jobs, **changes):
    found = tool_context(Role.ARBITER, context, jobs)
    text, error = called(TOOLS, found, "backtest", ASKED | changes)
    return error, text


def test_a_micro_backtest_earns_what_the_same_thesis_does(context, jobs):
    [name] = context.market.instruments
    bars = context.market.bars(name, "1m")

    def rule(known):
        ends = range(len(known) - 60, -1, -1)
        places = [features_of_windows(known, 60, [back])[0]["place"] for back in ends]
        return np.where(np.array([0.0] * 59 + places) > 0.8, -1, 0)

    signals = rule(bars)
    cost = round_trip_cost(name, context.as_of)
    report = attack("x", bars, lambda known: signals[: len(known)], stop=3.0, horizon=30, cost=cost)

    tools = tool_context(Role.ARBITER, context, jobs)
    begun = [TOOLS["backtest"].call(tools, ASKED | {"horizon": one})["job"] for one in (30, 31)]
    [found, other] = TOOLS["backtest_results"].call(tools, {"jobs": begun})["results"]
    assert [found["job"], other["job"]] == begun
    assert (found["trades"], found["mean_r"]) == (report.trades, report.mean_r)
    assert found["t"] == round(report.score, 2)
    assert found["trades"] > 10


def test_too_few_bars_and_an_unknown_instrument_are_refused(context, jobs):
    known = market(minutes=80)
    short = dataclasses.replace(context, market=known, as_of=known.as_of)

    error, text = run(short, jobs)
    assert error
    assert "80 bars of a minute, too few for a horizon of 30" in text
    error, text = run(context, jobs, instrument="instrument Q")
    assert error
    assert "unknown instrument" in text
