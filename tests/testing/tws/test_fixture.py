"""The fixture for plugin authors, and what it says where IB's classes are missing."""

from __future__ import annotations

import socket
import sys

import pytest

from qe_plugins.errors import PluginError
from qe_plugins.testing.tws import SimulatedTws
from qe_plugins.testing.tws.wire import messages


def test_a_test_gets_a_gateway_of_its_own(qe_tws):
    symbol = qe_tws.control.contracts()[3]
    qe_tws.control.manual_order("BUY", symbol=symbol)
    qe_tws.control.move(6510)

    assert (qe_tws.control.net(symbol), qe_tws.control.price(symbol)) == (1, 6510)


def test_without_ibs_classes_one_error_says_what_to_install(monkeypatch):
    messages.message_class.cache_clear()
    monkeypatch.setitem(sys.modules, "ibapi.protobuf.StartApiRequest_pb2", None)

    with pytest.raises(PluginError, match="pip install nautilus-ibapi protobuf"):
        SimulatedTws()
    messages.message_class.cache_clear()


def test_a_request_that_cannot_be_answered_fails_the_test():
    with pytest.raises(RuntimeError, match="CurrentTimeRequest"):
        ask_a_broken_gateway()


def ask_a_broken_gateway() -> None:
    with SimulatedTws() as tws, socket.create_connection(("127.0.0.1", tws.port)) as client:
        tws.server.gateway.handlers["CurrentTimeRequest"] = lambda *asked: 1 / 0
        for payload in (b"v178", b"71\x002\x005\x00\x00", b"49\x001\x00"):
            greeting = b"API\0" if payload == b"v178" else b""
            client.sendall(greeting + len(payload).to_bytes(4, "big") + payload)
        tws.wait_until(lambda control: control.received("CurrentTimeRequest"))


def test_a_port_in_use_is_one_error(qe_tws):
    with pytest.raises(PluginError, match="is taken"), SimulatedTws(port=qe_tws.port):
        pass
