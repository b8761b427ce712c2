"""`qe live` against the simulated TWS: from connection to report, restarts, and closes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.journal.facts import FactKind
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock, LiveProcess, types, write_config

LAST_TRADE = datetime(2026, 12, 18, 14, 30, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    faked_clock.library() is None, reason="Debian's faketime is not installed"
)


def test_a_session_connects_warms_up_trades_and_writes_its_report(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
):
    with LiveProcess(write_config(tmp_path, tws.port), clock) as live:
        live.wait("ready")
        history = live.wait("history")
        live.do("enter")
        live.wait("filled", type="MARKET")
        live.wait("accepted", type="LIMIT")
        working = tws.control.open_orders()
        tws.control.move(6494.75)
        live.wait("filled", type="STOP_MARKET")
        tws.wait_until(lambda now: not now.open_orders())
        figures = live.stop()

        assert len(history["closes"]) == 10
        assert max(history["closes"]) <= history["now"]
        assert types(working) == ["LMT", "STP"]
        for order in working:
            fields = order["fields"]
            assert (fields["tif"], fields["outsideRth"], fields["ocaType"]) == ("GTC", True, 1)
        assert len({order["fields"]["ocaGroup"] for order in working}) == 1
        assert figures["mode"] == "live"
        intents = [one.id for one in live.facts(FactKind.ORDER)]
        assert len(intents) == 3
        assert [one.body["price"] for one in live.facts(FactKind.FILL)] == ["6500.25", "6494.75"]


def test_after_a_restart_under_a_halt_an_exit_passes_and_an_entry_does_not(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
):
    file = write_config(tmp_path, tws.port)
    with LiveProcess(file, clock) as live:
        live.wait("ready")
        live.do("enter")
        live.wait("accepted", type="LIMIT")
        tws.wait_until(lambda now: now.net() == 1)
        live.kill()
    live.qe("halt", "a person said so")

    with LiveProcess(file, clock) as live:
        live.wait("ready", net=1)
        live.do("close", way="order")
        live.wait("filled", type="MARKET")
        tws.wait_until(lambda now: now.net() == 0 and not now.open_orders())
        live.do("enter")
        denied = live.wait("denied", type="MARKET")
        assert "halt: HALTED" in denied["reason"] or "a person said so" in denied["reason"]
        live.stop()
        [run] = live.facts(FactKind.RUN)
        assert run.body["account"] == "DU1234567"
        assert len(live.facts(FactKind.FILL)) == 2
        assert len(live.facts(FactKind.TRADE)) == 1


@pytest.mark.long
def test_a_stop_that_filled_while_no_process_was_there_is_booked_once(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
):
    file = write_config(tmp_path, tws.port)
    with LiveProcess(file, clock) as live:
        live.wait("ready")
        live.do("enter")
        live.wait("accepted", type="LIMIT")
        tws.wait_until(lambda now: now.net() == 1)
    tws.control.move(6494.75)
    with LiveProcess(file, clock) as live:
        live.wait("ready", net=0)
        live.until(lambda: len(live.facts(FactKind.TRADE)) == 1)
    with LiveProcess(file, clock) as live:
        live.wait("ready", net=0)
        live.stop()
        assert [one.body["side"] for one in live.facts(FactKind.FILL)] == ["BUY", "SELL"]
        assert len(live.facts(FactKind.TRADE)) == 1


def test_every_way_to_close_keeps_the_stop_until_the_close_has_filled(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
):
    with LiveProcess(write_config(tmp_path, tws.port), clock) as live:
        live.wait("ready")
        for number, way in enumerate(("position", "all", "exit", "leave", "order"), start=1):
            live.do("enter")
            live.wait("accepted", number, type="LIMIT")
            tws.wait_until(lambda now: now.net() == 1)
            tws.control.hold_fills()
            live.do("close", way=way)
            tws.wait_until(lambda now: "MKT" in types(now.open_orders()), what=way)
            assert types(tws.control.open_orders()) == ["LMT", "MKT", "STP"], way
            tws.control.hold_fills(False)
            tws.wait_until(lambda now: now.net() == 0 and not now.open_orders(), what=way)
            live.wait("canceled", number, type="STOP_MARKET")
        assert not [one for one in live.events() if one["event"] in ("denied", "rejected")]


def test_entries_without_a_stop_or_beyond_the_rung_never_reach_the_broker(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
):
    with LiveProcess(write_config(tmp_path, tws.port), clock) as live:
        live.wait("ready")
        live.do("naked")
        assert "one stop-market order in its list" in live.wait("denied", 1)["reason"]
        live.do("enter", stop=10)
        assert "would lose 52.50 with slippage" in live.wait("denied", 2, type="MARKET")["reason"]
        live.do("enter", contracts=2)
        live.wait("denied", 3, type="MARKET")
        live.do("enter", stop=9)
        live.wait("accepted", type="LIMIT")
        live.do("move_stop", points=-3)
        assert "would lose" in live.wait("modify_rejected")["reason"]
        assert len(tws.control.received("PlaceOrderRequest")) == 3


@pytest.mark.long
def test_a_forced_close_keeps_the_stop_until_it_has_filled(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
):
    soon = f"{round(LAST_TRADE.timestamp() - clock.now()) - 25}s"
    file = write_config(
        tmp_path,
        tws.port,
        expiry={"flat_before": soon},
        halt={"disabled": ["stale_data"]},
    )
    with LiveProcess(file, clock) as live:
        live.wait("ready")
        live.do("enter")
        live.wait("accepted", type="LIMIT")
        tws.control.hold_fills()
        tws.wait_until(lambda now: "MKT" in types(now.open_orders()), 40, what="the close")
        assert types(tws.control.open_orders()) == ["LMT", "MKT", "STP"]
        tws.control.hold_fills(False)
        tws.wait_until(lambda now: now.net() == 0 and not now.open_orders())
        live.until(lambda: live.facts(FactKind.TRADE))
        [closing] = live.facts(FactKind.CLOSING)
        assert closing.body["reason"] == "closes +1 MESZ6.XCME of Driven-driven"


@pytest.mark.long
def test_the_quickstarts_plugins_trade_through_the_broker_by_the_backtests_code(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
):
    hunter = {"bars": 2, "noise_bars": 3, "threshold": 0.5, "stop": 3.0, "reward": 2.0}
    file = write_config(
        tmp_path,
        tws.port,
        extends=str(Path("configs/backtest/quickstart.yaml").resolve()),
        broker={"warm_up": 70},
        strategies={"driven": None, "opening_range": None},
        plugins={
            "hunter_momentum": hunter,
            "guardian_limits": {"before_break": "1m"},
            "guardian_volatility": {"bar": "5-SECOND-LAST", "multiple": 100.0},
        },
    )
    with LiveProcess(file, clock) as live:
        live.until(lambda: live.facts(FactKind.SNAPSHOT))
        price = 6500.0
        while not tws.control.executions():
            price += 0.25
            tws.control.move(price)
            time.sleep(0.25)
            assert price < 6560, live.errors.read_text()
        tws.wait_until(lambda now: types(now.open_orders()) == ["LMT", "STP"])
        stops = [one["stop"] for one in tws.control.open_orders() if one["type"] == "STP"]
        tws.control.move(stops[0])
        tws.wait_until(lambda now: now.net() == 0)
        live.until(lambda: live.facts(FactKind.TRADE))
        figures = live.stop()
        kinds = {one.kind for one in live.facts()}
        chain = {FactKind.VOTE, FactKind.SIGNAL, FactKind.SIZE, FactKind.ORDER, FactKind.FILL}
        assert chain <= kinds
        assert figures["trades"] >= 1
        assert figures["net_pnl"] > -50


@pytest.mark.long
def test_a_flat_session_goes_on_in_the_next_contract_on_the_roll_day(tmp_path: Path):
    clock = AheadClock(datetime(2026, 12, 18, 5, 59, 45, tzinfo=UTC))
    with SimulatedTws(clock=clock) as tws:
        file = write_config(
            tmp_path,
            tws.port,
            strategies={"driven": None, "signal_follower": {}},
            broker={"contracts": [], "warm_up": 0},
        )
        with LiveProcess(file, clock) as live:
            live.until(lambda: "MESH27.XCME (MESH7)" in live.errors.read_text(), 60)
            said = live.errors.read_text()
            assert "MESZ26.XCME (MESZ6)" in said
            assert "the next contract is current" in said
