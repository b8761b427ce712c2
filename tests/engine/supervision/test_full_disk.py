"""A disk that is full: no intent can be committed, so nothing is entered; exits pass."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock
from tests.engine.supervision.faulty_desk import FaultyDesk, run_desk

pytestmark = [
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
    pytest.mark.xdist_group("faults"),
]

MOST = 16_384
"""Bytes beyond which no file grows: the journal does not, the strategy's own small files do."""


@pytest.fixture
def desk(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyDesk]:
    # an import under the limit would leave truncated bytecode in the project for every other test
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    clock = AheadClock()
    rung = {"name": "2 MES", "risk": "50 USD", "max_contracts": 2}
    with SimulatedTws(clock=clock) as tws:
        desk = run_desk(tws, clock, tmp_path, rung=rung)
        yield desk
        desk.kill()


def fill_disk(desk: FaultyDesk) -> None:
    """Have every write of the session beyond MOST bytes fail, as on a full disk."""
    limits = (MOST, resource.RLIM_INFINITY)
    resource.prlimit(desk.live.process.pid, resource.RLIMIT_FSIZE, limits)


def test_with_a_full_disk_nothing_is_entered_and_an_exit_passes(desk: FaultyDesk):
    desk.enter()
    sent = len(desk.tws.control.received("PlaceOrderRequest", 21))
    fill_disk(desk)
    desk.live.do("enter")
    desk.live.wait("denied", type="MARKET")
    desk.until(lambda: desk.halted, "halted")
    assert len(desk.tws.control.received("PlaceOrderRequest", 21)) == sent
    desk.live.do("close", way="order")
    desk.until(lambda: not desk.tws.control.net(), "flat")
    desk.until(lambda: not desk.tws.control.open_orders(), "no order is left")
    assert desk.live.process.poll() is None
