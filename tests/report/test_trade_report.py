"""`qe report --trade`: one trade's fills, rolls, margin and costs."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from qe_plugins.cli import runs
from qe_plugins.errors import JournalError, ReportError
from qe_plugins.report import run_folder
from qe_plugins.report.trade_report import describe_trade
from tests.report.fake import bare, contract, frame, roll

NAME, NEXT = "MESH24.XCME", "MESM24.XCME"
MINUTE = 60 * 10**9
FILLS = [
    (1, NAME, "BUY", 1.0, 100.25, 0.5, "A-1", 100.0),
    (2, NAME, "SELL", 3.0, 102.0, 1.5, "A-2", 102.25),
    (3, NAME, "BUY", 2.0, 101.0, 1.0, "R-1", None),
    (3, NEXT, "SELL", 2.0, 110.0, 1.0, "R-2", 110.0),
]
TRADES = [
    (f"{NAME}-s-1", NAME, "LONG", 1.0, 100.25, 102.0, 1, 2, 7.75, 1.0, 0.5),
    (f"{NAME}-s-2", NAME, "SHORT", 2.0, 102.0, 101.0, 2, 3, 8.0, 2.0, None),
    (f"{NEXT}-s-1", NEXT, "SHORT", 2.0, 110.0, None, 3, None, None, 1.0, None),
]


@pytest.fixture
def place(tmp_path) -> Path:
    """Leave a run of a trade that was turned, rolled once, and is still open."""
    fills = [
        (ts * MINUTE, name, side, size, price, fee, "USD", "s", order, f"T{n}", "P", "TAKER", ref)
        for n, (ts, name, side, size, price, fee, order, ref) in enumerate(FILLS)
    ]
    trades = [
        (who, name, "s", side, size, entry, out, opened * MINUTE,
         None if closed is None else closed * MINUTE, pnl, fees, None, None, slipped)
        for who, name, side, size, entry, out, opened, closed, pnl, fees, slipped in TRADES
    ]  # fmt: skip
    orders = [
        (fill[0], fill[8], "s", fill[1], fill[2], "MARKET", fill[3], None, None, "FILLED")
        for fill in fills
    ]
    account = [(n * MINUTE, 0.0, locked, "USD") for n, locked in ((1, 10.0), (2, 20.0), (3, 20.0))]
    outcome = bare(
        tmp_path, fills=frame("fills", fills), positions=frame("positions", trades),
        orders=frame("orders", orders), account=frame("account", account),
        rolls=[roll(3 * MINUTE, NAME, NEXT)], final_balance=Decimal(100_000),
    )  # fmt: skip
    both = [contract(), contract(NEXT)]
    tape = {name: getattr(outcome.data, name) for name in outcome.data.__struct_fields__}
    whole = bare(
        tmp_path,
        **{
            **{name: getattr(outcome, name) for name in run_folder.FRAMES},
            "rolls": outcome.rolls,
            "data": type(outcome.data)(**{**tape, "contracts": both}),
        },
    )
    return run_folder.write(whole, {"name": "a"})


def test_a_trade_has_its_fills_with_what_each_slipped(place):
    found = describe_trade(place, f"{NAME}-s-1")
    assert [(f["leg"], f["quantity"], f["slippage"], f["fee"]) for f in found["fills"]] == [
        ("entry", 1.0, 1.25, 0.5),
        ("exit", 1.0, 1.25, 0.5),
    ]
    assert (found["gross"], found["cost"], found["net"]) == (11.25, 3.5, 7.75)
    assert found["gross"] - found["cost"] == pytest.approx(found["net"])
    assert (found["margin"], found["alone"], found["rolls"]) == (10.0, True, [])


def test_a_fill_through_flat_is_shared_by_two_trades(place):
    first, last = describe_trade(place, f"{NAME}-s-2")["fills"]
    assert (first["client_order_id"], first["quantity"], first["fee"]) == ("A-2", 2.0, 1.0)
    assert (last["leg"], last["quantity"], last["slippage"]) == ("exit", 2.0, None)


def test_a_trade_knows_the_roll_that_ended_it(place):
    found = describe_trade(place, "2")
    assert [one["after"] for one in found["rolls"]] == [NEXT]
    assert found["slippage"] is None


def test_a_trade_is_found_by_id_start_number_and_last(place):
    names = [
        describe_trade(place, text)["trade"]["id"]
        for text in ("last", "2", NEXT, f"trade:{NAME}-s-1")
    ]
    assert names == [f"{NAME}-s-2", f"{NAME}-s-2", f"{NEXT}-s-1", f"{NAME}-s-1"]


@pytest.mark.parametrize("text", ["nothing", NAME])
def test_an_unclear_trade_is_one_clear_error(place, text):
    with pytest.raises(JournalError, match="trade"):
        describe_trade(place, text)


def test_a_number_of_two_trades_names_both(place):
    with pytest.raises(ReportError, match=rf"2 trades .* It may be {NAME}-s-1, {NEXT}-s-1"):
        describe_trade(place, "1")


def test_a_run_without_trades_or_from_before_says_so(tmp_path, place):
    with pytest.raises(ReportError, match="no trades"):
        describe_trade(run_folder.write(bare(tmp_path), {}, tmp_path / "empty"), "last")
    (place / run_folder.TRADES).unlink()
    with pytest.raises(ReportError, match=r"has no trades\.parquet"):
        describe_trade(place, "last")


def test_a_run_from_before_references_has_unknown_slippage(place):
    pl.read_parquet(place / "fills.parquet").drop("reference").write_parquet(
        place / "fills.parquet"
    )
    assert describe_trade(place, f"{NAME}-s-1")["slippage"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{NAME}-s-1", "costs 3.50 USD: fees 1.00 + slippage 2.50"),
        (f"{NAME}-s-1", "P&L at reference prices 11.25 (costs are 31.11% of it), net P&L 7.75"),
        ("2", "costs 2.00 USD: fees 2.00 + slippage unknown"),
        (NEXT, "costs 1.00 USD: fees 1.00 + slippage 0.00, so far"),
        (NEXT, "rolls: opened by the roll of 1969-12-31 18:03:00"),
        (NEXT, "peak initial margin: 20.00 USD"),
    ],
)
def test_what_it_cost_is_one_line(place, text, said):
    shown = CliRunner().invoke(runs.report, [str(place), "--trade", text], catch_exceptions=False)
    assert any(line.startswith(said) for line in shown.output.splitlines())


def test_a_trade_as_json_has_every_figure(place):
    arguments = [str(place), "--trade", "last", "--json"]
    shown = CliRunner().invoke(runs.report, arguments, catch_exceptions=False)
    assert json.loads(shown.output)["trade"]["net"] == 8.0
