"""What may not trade is refused before a socket is opened, with the place and exit code 2."""

from __future__ import annotations

import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qe_plugins.engine.broker.account_lock import locked
from qe_plugins.engine.broker.describe import describe_live
from qe_plugins.engine.broker.preparation import prepare_live
from qe_plugins.errors import QeError
from tests.command import qe
from tests.engine.broker.live_process import OPEN, write_config

NOW = int(OPEN.timestamp()) * 10**9
SUNDAY = int(datetime(2026, 11, 29, 5, tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture(autouse=True)
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where anything connects."""

    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"connected to {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def ib(**changes: Any) -> dict[str, Any]:
    return {"account": "DU1234567", "port": 4002} | changes


TWO = {
    "driven": {
        "path": "tests.engine.broker.live_traders:Driven",
        "config": {"instrument_id": "MESZ26.XCME", "folder": "."},
    },
    "signal_follower": {},
}
MISSPELT = """
from qe_plugins import Plugin, Role, hookimpl

class Misspelt(Plugin):
    role = Role.GUARDIAN

    @hookimpl
    def veto_orders(self, order):
        return None
"""

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("no account id", {"broker": {"ib": ib(account="mine")}}, {}, "'mine' is no account id."),
    (
        "an account that is not listed",
        {"broker": {"ib": ib(account="U7654321")}},
        {"real_money": True},
        "U7654321 has real money and is not in `live_accounts`.",
    ),
    (
        "real money without saying so",
        {"broker": {"ib": ib(account="U7654321", live_accounts=["U7654321"])}},
        {},
        "U7654321 has real money. Give --real-money to trade it.",
    ),
    (
        "a paper account with real money",
        {},
        {"real_money": True},
        "DU1234567 is a paper account, and --real-money was given.",
    ),
    (
        "equal client ids",
        {"broker": {"ib": ib(client_ids={"data": 5, "exec": 5})}},
        {},
        "client ids must differ, was data 5, exec 5, watch 31",
    ),
    ("client id 0", {"broker": {"ib": ib(client_ids={"data": 0})}}, {}, "client id 0 takes over"),
    (
        "a budget below the nearest stop",
        {"rung": {"risk": "3 USD"}},
        {},
        "3 USD is less than one MES contract loses at the nearest stop, 3.75 USD with slippage",
    ),
    (
        "a full-size contract",
        {"broker": {"contracts": ["ESZ26.XCME"]}},
        {},
        "rung 1 MES holds MES, not ESZ26.XCME.",
    ),
    ("an expired contract", {"broker": {"contracts": ["MESU26.XCME"]}}, {}, "has stopped trading"),
    ("no rung", {"rung": {"enforced": False}}, {}, "needs a rung that limits every order"),
    (
        "a closed market",
        {"broker": {"start": "now"}},
        {"now": SUNDAY},
        "MES is closed until 2026-11-29 17:00 in Chicago, and `start` is `now`.",
    ),
    ("two strategies", {"strategies": TWO}, {}, "driven and signal_follower may both trade MESZ6"),
    (
        "a forgotten stop",
        {"strategies": {"driven": None, "plain": {"path": f"{__name__}:Plain"}}},
        {},
        "Plain never sends its orders as a list",
    ),
    (
        "an execution algorithm",
        {"exec_algorithms": {"slices": {"path": "somewhere:Slices"}}},
        {},
        "an execution algorithm sends its orders one by one",
    ),
    (
        "a wrong contract in a setting",
        {"strategies": {"driven": {"config": {"instrument_id": "MESH27.XCME"}}}},
        {},
        "no contract 'MESH7.XCME'",
    ),
    (
        "a roll by volume",
        {"strategies": {"driven": {"instrument": "MES", "roll": "volume"}}},
        {},
        "a live session rolls by the calendar alone, not a strategy by `volume`",
    ),
]


@pytest.mark.parametrize(
    ("changes", "given", "reason"),
    [one[1:] for one in REFUSED],
    ids=[one[0].replace(" ", "-") for one in REFUSED],
)
def test_it_is_refused(tmp_path: Path, changes: dict[str, Any], given: dict[str, Any], reason: str):
    file = _config(tmp_path, changes)
    with pytest.raises(QeError) as refused:
        prepare_live(file, **{"now": NOW} | given)
    assert reason in str(refused.value)
    assert "live.yaml:" in str(refused.value) or "cme.yaml" in str(refused.value)


def test_a_plugin_with_an_unknown_hook_is_refused(tmp_path: Path):
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").touch()
    (tmp_path / "agents" / "guardian_misspelt.py").write_text(MISSPELT)
    (tmp_path / "configs").mkdir()
    shutil.copy("configs/markets.yaml", tmp_path / "configs")
    file = _config(tmp_path, {"strategies": {"driven": None}, "plugins": {"guardian_misspelt": {}}})
    done = qe("live", file, cwd=tmp_path)
    assert done.returncode == 2
    assert "veto_orders" in done.stderr


def test_a_live_account_that_is_listed_may_connect_with_real_money(tmp_path: Path):
    changes = {"broker": {"ib": ib(account="U7654321", live_accounts=["U7654321"])}}
    live = prepare_live(_config(tmp_path, changes), real_money=True, now=NOW)
    assert (live.is_paper, [one.id for one in live.contracts]) == (False, ["MESZ6.XCME"])


def test_without_contracts_the_current_one_of_the_rungs_root_is_traded(tmp_path: Path):
    file = _config(tmp_path, {"broker": {"contracts": []}})
    assert [one.long_id for one in prepare_live(file, now=NOW).contracts] == ["MESZ26.XCME"]


def test_the_command_refuses_with_exit_code_2_and_one_line():
    done = qe("live", "configs/live/mes_paper.yaml", "--real-money")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "mes_paper.yaml:17: DU1234567 is a paper account" in done.stderr


def test_a_second_session_on_an_account_is_refused():
    with locked("DU1"), pytest.raises(QeError, match="trades this account already"), locked("DU1"):
        pass
    with locked("DU1"):
        pass


def test_check_shows_both_names_the_expiry_and_the_risk(tmp_path: Path):
    rows = describe_live(_config(tmp_path, {}), now=NOW)
    shown = dict(rows)
    assert shown["contract"] == "MESZ26.XCME, at the broker MESZ6"
    assert shown["expires"] == "Fri 2026-12-18 08:30 Chicago, in 16 days"
    assert shown["risk"] == "50 USD a trade: 40 ticks of one MES"
    assert shown["client ids"] == "data 11, exec 21, watch 31, look 41"
    assert shown["traded by"] == "driven"


def _config(folder: Path, changes: dict[str, Any]) -> Path:
    import yaml

    file = write_config(folder, 4002)
    tree = yaml.safe_load(file.read_text())
    _merge(tree, changes)
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    return file


def _merge(tree: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge(tree[key], value)
        else:
            tree[key] = value


class PlainConfig(msgspec.Struct, frozen=True):
    """No settings."""


def __getattr__(name: str) -> Any:
    if name != "Plain":
        raise AttributeError(name)
    from nautilus_trader.trading import Strategy

    def on_bar(self: Any, bar: Any) -> None:
        self.submit_order(self.order_factory.market(bar.bar_type.instrument_id, 1, 1))

    return type("Plain", (Strategy,), {"on_bar": on_bar, "__module__": __name__})
