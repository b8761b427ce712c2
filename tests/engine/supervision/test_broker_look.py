"""Looks at a broker that is slow."""

from __future__ import annotations

import time

import pytest

from qe_plugins.engine.reconciliation.answers import Known, Unknown
from qe_plugins.engine.supervision.broker_look import BrokerLook
from qe_plugins.ib_client import BrokerEndpoint
from qe_plugins.testing.tws import SimulatedTws


def ask(look: BrokerLook) -> Known | Unknown:
    """Return the answer to one question."""
    assert look.ask(time.time_ns())
    end = time.monotonic() + 60
    while not (answers := look.answers()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return answers[0]


@pytest.mark.long
def test_a_gateway_that_is_always_slower_than_the_usual_limit_is_waited_for(qe_tws: SimulatedTws):
    look = BrokerLook(BrokerEndpoint(account="DU1234567", port=qe_tws.port, client_id=41))
    assert isinstance(ask(look), Known)
    qe_tws.control.be_slow(1.2)  # a start and three questions in 4 s, or three questions in 2
    kinds = [type(ask(look))]
    while kinds[-1] is Unknown:
        assert len(kinds) < 6
        kinds.append(type(ask(look)))
    assert kinds[0] is Unknown
    assert isinstance(ask(look), Known)
    qe_tws.control.heal()
    look.stop()


def test_a_clock_that_was_off_between_two_looks_is_returned_once(
    qe_tws: SimulatedTws, monkeypatch: pytest.MonkeyPatch
):
    read = iter([0.0, 7.0, 0.0])
    monkeypatch.setattr(
        "qe_plugins.engine.supervision.clock_reading.skew_of", lambda _told: next(read)
    )
    monkeypatch.setattr("qe_plugins.engine.supervision.broker_look.CLOCK_EVERY", 1)
    look = BrokerLook(BrokerEndpoint(account="DU1234567", port=qe_tws.port, client_id=41))
    assert look.skew() is None
    for _ in range(3):
        ask(look)
    look.stop()  # the last reading comes after its answer
    assert [look.skew(), look.skew()] == [7.0, 0.0]
