"""ES, MES, NQ, CL, GC and ZN trade in one run, on one account with one margin."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from qe_plugins.config.loader import load
from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.catalog import generate
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.market.sessions import session_at
from qe_plugins.market.specs import fees, margins
from qe_plugins.plugins import PluginManager
from qe_plugins.report.figures.equity import AccountHistory
from qe_plugins.report.summary import summarize
from tests.engine.six import Rover, Watches

ROOTS = ["ES", "MES", "NQ", "CL", "GC", "ZN"]
NAMES = ["ESH24.XCME", "MESH24.XCME", "NQH24.XCME", "CLH24.XNYM", "GCJ24.XCEC", "ZNM24.XCBT"]
SETTINGS = SyntheticSettings(start="2024-02-05", sessions=9, contracts=2, through_zero=["CL"])


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalog of nine sessions of six roots, with CL through zero in the middle."""
    return generate(SETTINGS, ROOTS, tmp_path_factory.mktemp("six") / "tape").catalog


def play(
    tape: Path, *plugins: Watches, balance: str = "1_000_000 USD", **more: Any
) -> BacktestResult:
    config = {
        "name": "six",
        "data": {"catalog": str(tape)},
        "strategies": {"rover": {"path": "tests.engine.six:Rover"}},
        "nautilus": {"venue": {"starting_balances": [balance]}},
        "rung": {"max_contracts": 100, "risk": "1_000_000 USD"},
        "margin": {"on_breach": "ignore"},
        **more,
    }
    file = tape.parent / "six.yaml"
    file.write_text(yaml.safe_dump(config))
    Rover.contracts = NAMES
    return run(load(file), plugins=PluginManager([(type(one).__name__, one) for one in plugins]))


def a_day_of(tape: Path) -> dict[str, str]:
    """Return the data of the first session, in whose first hour the strategy is done."""
    return {"catalog": str(tape), "end": "2024-02-06"}


@pytest.fixture(scope="module")
def watches() -> Watches:
    return Watches()


@pytest.fixture(scope="module")
def outcome(tape: Path, watches: Watches) -> BacktestResult:
    """Return a run of one strategy on all six contracts and of one that holds CL over its roll."""
    holder = {"path": "tests.engine.six:Holder", "instrument": "CL", "roll": "volume"}
    rover = {"path": "tests.engine.six:Rover"}
    return play(tape, watches, strategies={"rover": rover, "holder": holder})


@pytest.mark.long
def test_every_contract_is_traded_on_its_own_venue(outcome: BacktestResult) -> None:
    assert outcome.orders["status"].unique().to_list() == ["FILLED"]
    assert set(NAMES) <= set(outcome.fills["instrument_id"])


def test_the_position_in_a_root_is_rolled_to_its_next_contract(outcome: BacktestResult) -> None:
    [roll] = outcome.rolls
    assert (roll["before"], roll["after"], roll["outcome"]) == (
        "CLH24.XNYM",
        "CLJ24.XNYM",
        "rolled",
    )


def test_the_sum_of_all_trades_is_what_the_account_made_to_the_cent(
    outcome: BacktestResult,
) -> None:
    assert outcome.positions["closed"].null_count() == 0
    earned = float(outcome.final_balance - outcome.starting_balance)
    assert earned == pytest.approx(outcome.positions["pnl"].sum(), abs=0.005)
    figures = summarize(outcome, Path(), AccountHistory.of(outcome))
    assert figures["reconciles"] is True
    assert figures["net_pnl"] == earned


def test_each_root_is_charged_its_own_fee(outcome: BacktestResult) -> None:
    for contract, side in (
        outcome.fills.group_by("instrument_id")
        .agg((pl.col("commission") / pl.col("quantity")).unique())
        .iter_rows()
    ):
        root = contract.partition(".")[0][:-3]
        assert side == [float(fees(root, datetime(2024, 2, 5, tzinfo=UTC).date()).total)]


def test_each_root_fills_on_its_ticks_in_its_sessions(outcome: BacktestResult) -> None:
    ticks = {one.id: float(one.tick) for one in outcome.data.contracts}
    roots = {one.id: one.root for one in outcome.data.contracts}
    for contract, price, ts in outcome.fills["instrument_id", "price", "ts"].iter_rows():
        assert price == pytest.approx(round(price / ticks[contract]) * ticks[contract], abs=1e-9)
        assert session_at(roots[contract], int(ts.timestamp() - 1) * 10**9) is not None


def test_guardians_see_one_account_whichever_venue_they_ask_for(
    outcome: BacktestResult, watches: Watches
) -> None:
    assert watches.seen
    for worth, equities, ids in watches.seen:
        assert equities == {worth}
        assert ids == {"XCME-001"}


@pytest.mark.long
def test_the_same_run_has_the_same_fills(tape: Path, outcome: BacktestResult) -> None:
    holder = {"path": "tests.engine.six:Holder", "instrument": "CL", "roll": "volume"}
    rover = {"path": "tests.engine.six:Rover"}
    again = play(tape, Watches(), strategies={"rover": rover, "holder": holder})
    assert again.fills_sha256 == outcome.fills_sha256


def test_one_margin_is_held_for_all_roots_together(tape: Path) -> None:
    """The margins of ES, MES, NQ, CL and GC leave nothing for ZN, on whichever venue it trades."""
    day = datetime(2024, 2, 5, tzinfo=UTC).date()
    tied = sum(margins(root, day).initial for root in ROOTS)
    enough = play(tape, balance=f"{tied + 20_000} USD", data=a_day_of(tape))
    short = play(tape, balance=f"{tied - 500} USD", data=a_day_of(tape))
    assert "DENIED" not in set(enough.orders["status"])
    denied = short.orders.filter(pl.col("status") == "DENIED")
    assert denied["reason"].str.contains("would bring initial margin to").all()
    assert denied.height


def test_an_account_may_be_named_after_none_of_the_venues(tape: Path) -> None:
    venue = {"name": "IB", "starting_balances": ["1_000_000 USD"]}
    named = play(tape, nautilus={"venue": venue}, data=a_day_of(tape))
    assert named.fills["quantity"].sum() == len(NAMES) * 10
