"""What counts as wrong, on snapshots written by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from qe_plugins.config.watch import WatchSettings
from qe_plugins.guard.checks import Seen, findings
from qe_plugins.guard.looking import is_restarting
from qe_plugins.guard.named import NamedContracts
from qe_plugins.halt.status import SeenSession, SessionStatus
from qe_plugins.ib_client.records import (
    BrokerOrder,
    BrokerPosition,
    BrokerQuote,
    BrokerSnapshot,
)

MES = NamedContracts(account="DU1", roots=frozenset({"MES"}))
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
HELD = BrokerPosition(
    account="DU1",
    con_id=1,
    local_symbol="MESZ6",
    symbol="MES",
    exchange="",
    currency="USD",
    kind="FUT",
    multiplier=Decimal(5),
    quantity=Decimal(1),
    average_price=Decimal("6500.25"),
)
STOP = BrokerOrder(
    perm_id=100,
    order_id=7,
    client_id=21,
    ref="O-1",
    account="DU1",
    con_id=1,
    local_symbol="MESZ6",
    side="SELL",
    kind="STP",
    quantity=Decimal(1),
    filled=Decimal(0),
    limit_price=None,
    stop_price=Decimal(6490),
    status="PreSubmitted",
    parent_id=6,
    oca_group="g",
    outside_rth=True,
    time_in_force="GTC",
)


def changed(one, **fields):
    return msgspec.structs.replace(one, **fields)


def kinds(positions=(), orders=(), **seen) -> set[str]:
    snapshot = BrokerSnapshot(
        account="DU1", orders=[*orders], positions=[*positions], executions=[], at_ns=0
    )
    known = {"state": "connected", "snapshot": snapshot} | seen
    found = findings(Seen(at=NOW, **known), MES, WatchSettings())
    return {one.kind for one in found} - {"no_node"}


def test_a_position_with_its_one_stop_is_fine():
    assert kinds([HELD], [STOP]) == set()


@pytest.mark.parametrize(
    ("orders", "kind"),
    [
        ([], "unprotected"),
        ([changed(STOP, side="BUY")], "unprotected"),
        ([changed(STOP, status="Cancelled")], "unprotected"),
        ([changed(STOP, con_id=2)], "unprotected"),
        ([changed(STOP, kind="LMT")], "unprotected"),
        ([STOP, changed(STOP, perm_id=101, order_id=8)], "two_stops"),
        ([STOP, changed(STOP, perm_id=101)], "two_orders_of_one_id"),
        ([changed(STOP, quantity=Decimal(2))], "stop_size"),
        ([changed(STOP, filled=Decimal(1), quantity=Decimal(3))], "stop_size"),
        ([changed(STOP, outside_rth=False)], "weak_stop"),
        ([changed(STOP, time_in_force="DAY")], "weak_stop"),
    ],
)
def test_anything_else_than_one_whole_stop_is_found(orders, kind):
    assert kind in kinds([HELD], orders)


def test_a_short_position_needs_a_buy_stop():
    short = changed(HELD, quantity=Decimal(-1))

    assert kinds([short], [changed(STOP, side="BUY")]) == set()
    assert kinds([short], [STOP]) == {"unprotected"}


def test_exits_that_wait_for_their_entry_are_none_of_nothing():
    entry = changed(STOP, perm_id=99, order_id=6, side="BUY", kind="LMT", parent_id=0, oca_group="")

    assert kinds([], [entry, STOP]) == set()
    assert kinds([], [STOP]) == {"orphan"}


def test_other_contracts_and_accounts_are_left_alone():
    other = changed(HELD, local_symbol="ESZ6", con_id=3)

    assert kinds([other]) == {"not_named"}
    assert kinds([], [changed(STOP, local_symbol="ESZ6")]) == set()
    assert kinds([], [changed(STOP, account="DU2")]) == set()


@pytest.mark.parametrize(
    ("age", "is_open", "found"),
    [(5.0, True, False), (61.0, True, True), (None, True, True), (900.0, False, False)],
)
def test_quotes_are_stale_in_an_open_market_only(age, is_open, found):
    quote = BrokerQuote(local_symbol="MESZ6", bid=None, ask=None, last=None, age=age)

    assert ("quotes_stale" in kinds(quotes={"MESZ6": quote}, is_open=is_open)) is found


def test_disk_clock_journal_and_budget_are_watched():
    found = findings(
        Seen(
            at=NOW,
            state="connected",
            free_bytes=10,
            skew=-1.5,
            journal_error="locked",
            spent=Decimal("18.5"),
        ),
        MES,
        WatchSettings(model_budget=Decimal(20)),
    )

    assert {one.kind for one in found} == {"disk", "clock", "journal", "budget"}


@pytest.mark.parametrize(
    ("waits", "is_open", "after"),
    [("no history yet", True, {60.0}), ("no history yet", False, set()), ("", True, set())],
)
def test_a_node_that_takes_no_new_risk_in_an_open_market_is_told(waits, is_open, after):
    status = SessionStatus(
        run_id="r",
        name="n",
        mode="live",
        pid=1,
        host="h",
        started=NOW,
        engine_time=NOW,
        wall_time=NOW,
        waits=waits,
    )
    running = SeenSession(state="running", age=0.5, status=status)
    seen = Seen(at=NOW, state="connected", sessions=[running], is_open=is_open)

    found = findings(seen, MES, WatchSettings())

    assert {one.after for one in found if one.kind == "not_ready"} == after


@pytest.mark.parametrize(
    ("hour", "minute", "is_expected"),
    [(22, 14, False), (22, 15, True), (22, 24, True), (22, 26, False)],
)
def test_the_gateways_restart_is_expected_for_ten_minutes(hour, minute, is_expected):
    at = datetime(2026, 12, 1, hour, minute, tzinfo=UTC)  # 16:15 in Chicago is 22:15 UTC

    assert is_restarting(at, "16:15", 600) is is_expected
