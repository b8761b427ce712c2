"""`qe live --wait` waits until a person has logged in at the gateway."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from qe_plugins.cli.live import gateway_wait
from qe_plugins.cli.live.gateway_wait import wait_for_gateway
from qe_plugins.cli.live.live import trade
from qe_plugins.config.broker import IbSettings
from qe_plugins.engine.broker import preparation
from qe_plugins.engine.live import session_journal
from qe_plugins.ladder import guard
from qe_plugins.testing.tws import SimulatedTws


def test_it_waits_for_a_login_and_says_so(capfd: pytest.CaptureFixture[str]):
    with SimulatedTws() as tws:
        tws.control.log_out()
        ib = IbSettings(account="DU1234567", port=tws.port)
        waits = threading.Thread(target=wait_for_gateway, args=(ib, 0.05), daemon=True)
        waits.start()
        tws.wait_until(lambda _: not waits.is_alive() or "Waiting" in "".join(shown(capfd)), 60)
        assert waits.is_alive()
        tws.control.log_in()
        waits.join(60)

        assert not waits.is_alive()


def test_it_does_not_wait_where_the_account_is_another(capfd: pytest.CaptureFixture[str]):
    with SimulatedTws() as tws:
        wait_for_gateway(IbSettings(account="DU7654321", port=tws.port))

    assert "Waiting" not in capfd.readouterr().err


def test_a_session_is_prepared_again_after_the_wait(monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []

    class BeganError(Exception):
        pass

    def prepared(*_given: Any, **_named: Any) -> SimpleNamespace:
        done.append("prepared")
        return SimpleNamespace(settings=SimpleNamespace(ib=None), loaded=len(done))

    def began(loaded: int, _mode: str) -> NoReturn:
        done.append(f"began with step {loaded}")
        raise BeganError

    monkeypatch.setattr(guard, "guard_of", lambda _file, overrides, _mode: (None, overrides))
    monkeypatch.setattr(preparation, "prepare_live", prepared)
    monkeypatch.setattr(gateway_wait, "wait_for_gateway", lambda _ib: done.append("waited"))
    monkeypatch.setattr(session_journal, "died_run", began)
    with pytest.raises(BeganError):
        trade(Path("session.yaml"), (), wait=True, as_json=False, out=None, level=None)

    assert done == ["prepared", "waited", "prepared", "began with step 3"]


def shown(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return [capfd.readouterr().err]
