"""What is picked from two days of real ES chains, and when it may be opened and must be closed."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace

from qe_plugins.options.chain import chain_of
from qe_plugins.options.overlay.entries import EntryRules, entry_refusal
from qe_plugins.options.overlay.exits import ExitRules, exit_reason, weekend_before
from qe_plugins.options.overlay.forecast import SessionVariances, har_forecast, sessions_needed
from qe_plugins.options.overlay.selection import NoStructure, SelectionRules, pick_structure
from qe_plugins.options.overlay.sequence import CostToClose
from qe_plugins.options.overlay.structures import StructureKind
from qe_plugins.options.surface import fit_surface

THREE_PM = 1_578_322_800_000_000_000  # 2020-01-06 15:00 UTC
DAY = date(2020, 1, 6)
JUNE = SelectionRules(days=(150, 180), delta=(0.2, 0.3), width=Decimal(50))


@pytest.fixture(scope="module")
def chain(chains):
    return chain_of(chains, THREE_PM)


@pytest.fixture(scope="module")
def surface(chain):
    return fit_surface(chain.options, THREE_PM)


def test_a_condor_of_a_real_chain_is_sold_at_bids_and_bought_at_offers(chain, chains):
    made = pick_structure(chain, chains.contracts, JUNE, DAY)
    rows = {one["symbol"]: one for one in chain.options.iter_rows(named=True)}

    assert [one.side for one in made.legs] == [-1, 1, -1, 1]
    for one in made.legs:
        row = rows[one.option.symbol]
        assert float(one.price) == row["bid" if one.side < 0 else "ask"]
        assert row["spread_ticks"] <= 4.01
        assert one.side > 0 or 0.2 <= abs(row["delta"]) <= 0.3
    short_put, long_put, short_call, long_call = (one.option.strike for one in made.legs)
    assert 0 < short_put - long_put <= 50
    assert 0 < long_call - short_call <= 50
    assert made.loss_at_expiry == (made.width - made.credit) * 50 + 4 * made.fee
    assert made.most_loss > made.loss_at_expiry  # one premium is missing until the last fill


def test_each_rule_that_finds_nothing_says_which(chain, chains):
    def why(**changed):
        found = pick_structure(chain, chains.contracts, replace(JUNE, **changed), DAY)
        assert isinstance(found, NoStructure)
        return found.reason

    assert why(days=(20, 45)) == "no expiry in 20 to 45 days; listed: 74, 165"
    assert why(delta=(0.01, 0.02)) == "puts: no delta from 0.01 to 0.02"
    assert "too wide or too thin" in why(least_size=100_000)
    assert "within 3 points beyond ESM20 P" in why(width=Decimal(3))
    assert "points, 45.00 are asked for" in why(least_credit=0.9)


@pytest.mark.parametrize("kind", [StructureKind.PUT_SPREAD, StructureKind.CALL_SPREAD])
def test_a_spread_has_one_side(chain, chains, kind):
    made = pick_structure(chain, chains.contracts, replace(JUNE, kind=kind), DAY)

    assert {one.option.sign for one in made.legs} == set(kind.signs)


def test_an_entry_needs_implied_above_the_forecast(surface):
    expiry = min(surface.slices)
    implied = surface.slices[expiry].at_the_money
    rules = EntryRules(premium=0.02)

    assert entry_refusal(rules, surface, expiry, implied - 0.03, THREE_PM) is None
    assert "2.00% is asked for" in entry_refusal(rules, surface, expiry, implied, THREE_PM)
    assert "too few sessions" in entry_refusal(rules, surface, expiry, None, THREE_PM)


def test_no_entry_without_a_surface_of_this_moment(chain, surface):
    expiry = min(surface.slices)
    few = chain.options.filter((pl.col("expiry") != expiry) | (pl.col("strike") > 3_480))
    kept = fit_surface(few, THREE_PM, last=surface)
    failed = fit_surface(few, THREE_PM)

    for found in (kept, failed):
        refusal = entry_refusal(EntryRules(), found, expiry, 0.01, THREE_PM)
        assert refusal.startswith("no surface of this moment: ")


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (datetime(2020, 1, 7, 14, 59), True),  # within the day after
        (datetime(2020, 1, 6, 14, 30, tzinfo=UTC), True),  # half an hour ago
        (datetime(2020, 1, 7, 15, 1), False),
        (datetime(2020, 1, 6, 13, 59), False),
    ],
)
def test_no_entry_near_an_event(surface, event, refused):
    rules = EntryRules(premium=0.0, events=(event,))
    found = entry_refusal(rules, surface, min(surface.slices), 0.01, THREE_PM)

    assert (found is not None) == refused


MARCH_20 = 1_584_711_000_000_000_000  # 2020-03-20 13:30 UTC, a Friday


@pytest.mark.parametrize(
    ("at", "cost", "reason"),
    [
        (datetime(2020, 1, 6), "9.00", None),
        (datetime(2020, 1, 6), "5.00", "profit: "),
        (datetime(2020, 1, 6), "20.00", "loss: "),
        (datetime(2020, 1, 6), None, None),
        (datetime(2020, 2, 29), None, "20.6 days to expiry"),
    ],
)
def test_profit_loss_and_time_close_a_structure(at, cost, reason):
    now = int(at.replace(tzinfo=UTC).timestamp()) * 10**9
    cost = None if cost is None else CostToClose(Decimal(cost))
    found = exit_reason(ExitRules(), "ES", MARCH_20, Decimal(10), cost, now)

    assert found == reason if reason is None else found.startswith(reason)


def test_a_missing_bid_is_no_loss():
    now = int(datetime(2020, 1, 6, tzinfo=UTC).timestamp()) * 10**9
    cost = CostToClose(Decimal(20), is_quoted=False)

    assert exit_reason(ExitRules(), "ES", MARCH_20, Decimal(10), cost, now) is None


def test_nothing_is_held_over_the_weekend_before_expiry():
    rules, nine = ExitRules(days=0), CostToClose(Decimal(9))
    last = int(weekend_before("ES", MARCH_20).timestamp()) * 10**9

    assert weekend_before("ES", MARCH_20) == datetime(2020, 3, 13, 19, tzinfo=UTC)
    assert exit_reason(rules, "ES", MARCH_20, Decimal(10), nine, last - 1) is None
    assert exit_reason(rules, "ES", MARCH_20, Decimal(10), nine, last).startswith("the week")


def test_a_closed_friday_ends_the_week_on_thursday():
    good_friday = datetime(2020, 4, 10)
    expiry = int(datetime(2020, 4, 13, 20, tzinfo=UTC).timestamp()) * 10**9

    assert weekend_before("ES", expiry).date() <= good_friday.date()
    assert weekend_before("ES", expiry).date() == date(2020, 4, 9)


def test_the_forecast_of_constant_variance_is_that_volatility():
    needed = sessions_needed(20)
    flat = [0.0001] * needed

    assert har_forecast(flat, 20) == pytest.approx(math.sqrt(0.0001 * 252))
    assert har_forecast(flat[1:], 20) is None
    assert har_forecast([*flat[1:], math.nan], 20) is None


def test_the_forecast_knows_nothing_of_later_and_stays_within_what_was_seen():
    generator = np.random.default_rng(3)
    seen = (0.0001 * np.exp(generator.normal(0, 0.5, 200))).tolist()
    months = [np.mean(seen[i : i + 20]) for i in range(22, 181)]
    found = har_forecast([*seen, 1.0], 20)

    assert har_forecast(seen, 20) == har_forecast(list(seen), 20)
    assert found**2 / 252 <= max(*months, np.mean([*seen[-19:], 1.0])) + 1e-12


def test_a_session_counts_once_it_is_complete_with_the_gap_before_it():
    found = SessionVariances()
    for session, close in [(1, 100.0), (1, 101.0), (2, 103.0), (2, 102.0), (3, 102.0)]:
        found.add(session, close)

    assert found.complete == pytest.approx(
        [math.log(1.01) ** 2, math.log(103 / 101) ** 2 + math.log(102 / 103) ** 2]
    )


def test_the_gap_between_two_contracts_is_no_return():
    found = SessionVariances()
    found.add(1, 100.0)
    found.forget_last()
    for session, close in [(1, 150.0), (1, 151.5), (2, 151.5)]:
        found.add(session, close)

    assert found.complete == pytest.approx([math.log(1.01) ** 2])
