"""The arithmetic of a scan: the mission's own, today's, and which is which."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from qe_plugins.fleet.loader import load
from qe_plugins.fleet.scan.estimate import plan
from qe_plugins.fleet.tree import Level

FULL = Path(__file__).resolve().parents[3] / "configs/fleet/full.yaml"
QUIET = datetime(2026, 11, 23, 15, tzinfo=UTC)  # a Monday
DEAR = datetime(2026, 11, 23, 2, tzinfo=UTC)


def workers(at: datetime):
    return next(line for line in plan(load(FULL).fleet, at).lines if line.rank is Level.WORKER)


def test_the_missions_own_figure_is_158():
    found = plan(load(FULL).fleet, QUIET)

    assert found.mission == Decimal("1.58")
    assert found.mission_basis == "6,250 workers x 1,500 tokens at $0.14/$0.28 a million"


def test_the_workers_cost_what_the_price_page_says():
    line = workers(QUIET)

    assert line.now == Decimal("2.25")
    assert line.peak == Decimal("4.50")
    assert round(line.cached, 2) == Decimal("1.42")


def test_a_full_scan_costs_two_to_three_dollars_outside_the_dear_hours():
    found = plan(load(FULL).fleet, QUIET)

    assert (found.nodes, found.calls) == (6_406, 6_406)
    assert Decimal(2) < found.now < Decimal(3)
    assert not found.dear


def test_in_a_dear_hour_now_is_the_dear_price():
    found = plan(load(FULL).fleet, DEAR)

    assert found.dear
    assert found.now == found.peak == plan(load(FULL).fleet, QUIET).peak


@pytest.mark.parametrize(
    ("at", "dear"),
    [
        (datetime(2026, 11, 23, 0, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 23, 1, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 23, 4, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 22, 2, 0, tzinfo=UTC), False),  # a Sunday
        (datetime(2026, 10, 5, 2, 0, tzinfo=UTC), False),  # a holiday in China
        (datetime(2026, 3, 6, 2, 0, tzinfo=UTC), True),  # before New York's clocks go on
        (datetime(2026, 3, 9, 2, 0, tzinfo=UTC), True),  # and after
    ],
)
def test_dear_hours_are_weekday_mornings_in_china(at, dear):
    assert (workers(at).now == Decimal("4.50")) == dear


def test_a_rank_that_never_asks_makes_no_calls():
    found = plan(load(FULL, ["ranks.supervisor.ask_model=never"]).fleet, QUIET)

    assert (found.nodes, found.calls) == (6_406, 6_281)


def test_a_day_is_as_many_scans_as_the_schedule_wants():
    found = plan(load(FULL, ["schedule.every=10m"]).fleet, QUIET)

    assert found.scans_a_day == 144
    assert found.day == pytest.approx(144 * Decimal("2.376"), abs=Decimal("0.5"))


def test_a_plan_in_a_dear_hour_also_knows_the_cheap_ones():
    dear, quiet = plan(load(FULL).fleet, DEAR), plan(load(FULL).fleet, QUIET)

    assert dear.cheap == quiet.cheap == quiet.now < dear.now


def test_a_plan_names_the_budgets_that_the_dearest_hours_would_break():
    assert plan(load(FULL).fleet, QUIET).over == ()
    small = ["budgets.scan=3 USD", "budgets.ranks.worker=4 USD"]
    assert plan(load(FULL, small).fleet, QUIET).over == ("scan", "worker")
