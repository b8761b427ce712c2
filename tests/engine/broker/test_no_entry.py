"""When no order may add risk, by the exchange's hours, the gateway's restart, rolls and expiry."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from qe_plugins.config.broker import BrokerSettings, IbSettings, NoEntry
from qe_plugins.engine.broker.contracts import live_contract, named_contract, next_contracts
from qe_plugins.engine.broker.no_entry import NoEntryTimes
from qe_plugins.market.contract_key import ContractKey

CHICAGO = ZoneInfo("America/Chicago")
DECEMBER = live_contract(ContractKey("MES", 2026, 12))


def ts(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=CHICAGO).timestamp()) * 10**9


def times(**no_entry: float) -> NoEntryTimes:
    ib = IbSettings(account="DU1", restart_at="16:15")
    return NoEntryTimes([DECEMBER], BrokerSettings(ib=ib, no_entry=NoEntry(**no_entry)))


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2026-12-01 15:49:59", ""),
        ("2026-12-01 15:50:00", "trading stops at 16:00 Chicago"),
        ("2026-12-01 16:30:00", "the market is closed"),
        ("2026-12-01 17:00:00", ""),
        ("2026-12-05 12:00:00", "the market is closed"),
        ("2026-12-17 08:29:59", ""),
        ("2026-12-17 08:30:00", "MESZ26.XCME stops trading at 2026-12-18 08:30 Chicago"),
        ("2026-12-18 09:00:00", "MESZ26.XCME stops trading at 2026-12-18 08:30 Chicago"),
    ],
)
def test_no_entry(at: str, reason: str):
    assert times().reason("MESZ6.XCME", ts(at)) == reason


def test_before_a_roll_the_old_contract_takes_no_entry():
    roll = f"{DECEMBER.roll_day} 08:20:00"
    assert "is rolled on" in times(before_expiry=0).reason("MESZ6.XCME", ts(roll))


def test_the_gateways_restart_takes_no_entry_before_and_after_it():
    restarts = NoEntryTimes(
        [DECEMBER],
        BrokerSettings(ib=IbSettings(account="DU1", restart_at="10:00")),
    )
    found = [
        restarts.reason("MESZ6.XCME", ts(f"2026-12-01 {at}"))
        for at in ("09:49:59", "09:50:00", "10:04:59", "10:05:00")
    ]
    assert [bool(one) for one in found] == [False, True, True, False]


def test_a_contract_of_no_session_takes_no_entry():
    assert "no contract of this session" in times().reason("MESH7.XCME", ts("2026-12-01 12:00"))


def test_a_contract_has_two_names_and_the_exchanges_expiry():
    now = ts("2026-12-01 12:00")
    for name in ("MESZ26.XCME", "MESZ6.XCME", "MESZ6"):
        assert named_contract(name, now) == DECEMBER
    assert (DECEMBER.id, DECEMBER.long_id) == ("MESZ6.XCME", "MESZ26.XCME")
    assert DECEMBER.expires == ts("2026-12-18 08:30")
    assert [one.broker_name for one in next_contracts("MES", now, 2)] == ["MESZ6", "MESH7"]
