"""Two nodes for one account: the second refuses, on this machine and on another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock, LiveProcess, write_config

pytestmark = pytest.mark.skipif(
    faked_clock.library() is None, reason="Debian's faketime is not installed"
)


def refusal(second: LiveProcess, code: int, seconds: float) -> str:
    """Return what a session says that ends by itself with an exit code."""
    found = second.process.wait(seconds)
    said = second.errors.read_text()
    assert found == code, said
    return said


def test_a_second_node_of_this_machine_refuses_before_it_connects(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
):
    file = write_config(tmp_path, tws.port)
    with LiveProcess(file, clock) as first:
        first.wait("ready")
        connected = tws.control.clients()
        with LiveProcess(file, clock) as second:
            said = refusal(second, 2, 30)
        assert f"process {first.process.pid} trades this account already" in said
        assert "account DU1234567" in said
        assert tws.control.clients() == connected
        first.stop()


@pytest.mark.long
def test_a_node_of_another_machine_names_the_client_id_that_is_in_use(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
):
    with LiveProcess(write_config(tmp_path, tws.port), clock) as first:
        first.wait("ready")
        connected = tws.control.clients()
        with LiveProcess(write_config(tmp_path, tws.port), clock, home=tmp_path / "b") as second:
            said = refusal(second, 1, 80)
        assert said.count("error:") == 1, said
        assert "client id 21 is in use" in said
        assert "Traceback" not in said
        assert tws.control.clients() == connected
        first.stop()
