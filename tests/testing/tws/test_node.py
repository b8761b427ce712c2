"""Nautilus' real adapter in a `LiveNode` against the simulated TWS: the quick sample."""

from __future__ import annotations

from qe_plugins.testing.tws import SimulatedTws
from tests.testing.tws.driven_node import DrivenNode


def test_a_live_node_connects_trades_a_bracket_and_keeps_its_exits_over_a_restart():
    """One test, since a node takes seconds to start."""
    with SimulatedTws() as tws:
        with DrivenNode(tws.port, run="1", bars=["5-SECOND"]) as node:
            assert "MESZ6.CME" in node.wait("started")["instrument"]
            node.wait("quote", bid="6500.00", ask="6500.25")
            node.do("history", minutes=10)
            assert len(node.wait("history")["closes"]) in (10, 11)
            node.do("bracket", stop=6490.0, target=6515.0)
            filled = node.wait("filled", role="entry")
            assert (filled["price"], filled["commission"]) == ("6500.25", "0.62 USD")
            for role in ("stop", "target"):
                node.wait("accepted", role=role)
            node.settle(lambda now: now["net"] == 1)
            node.wait("bar")
            asked = tws.control.received("PlaceOrderRequest")
            assert [one.body["order"].get("transmit", False) for one in asked] == [0, 0, 1]
            stop = asked[1].body["order"]
            assert (stop["outsideRth"], stop["ocaType"], stop["tif"]) == (True, 1, "GTC")
            node.kill()

        with DrivenNode(tws.port, run="2") as node:
            node.settle(lambda now: now["net"] == 1)
            assert sorted(one["role"] for one in node.snapshot()["orders"] if one["open"]) == [
                "stop",
                "target",
            ]
            tws.control.move(6489.75)
            node.wait("filled", role="stop", price="6489.75")
            node.wait("canceled", role="target")
            node.settle(lambda now: now["net"] == 0)
        assert (tws.control.net(), tws.control.open_orders()) == (0, [])
