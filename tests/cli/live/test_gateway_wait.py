"""`qe live --wait` waits until a person has logged in at the gateway."""

from __future__ import annotations

import threading

import pytest

from qe_plugins.cli.live.gateway_wait import wait_for_gateway
from qe_plugins.config.broker import IbSettings
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


def shown(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return [capfd.readouterr().err]
