"""The live node's settings for Interactive Brokers, against the simulated TWS."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path

import pytest

from qe_plugins.engine.broker import ib_settings
from qe_plugins.engine.broker.ib_settings import BrokerAddress, node_builder
from qe_plugins.testing.tws import SimulatedTws
from tests.testing.tws.driven_node import DrivenNode

SOURCE = Path(ib_settings.__file__).read_text(encoding="utf-8")


def test_nautilus_knows_every_setting():
    broker = BrokerAddress("DU1234567", 4002)

    assert node_builder("live", "TRADER-001", broker, ["MESZ6.XCME"]) is not None


def test_every_group_of_settings_has_a_reason():
    comments = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(SOURCE).readline)
        if token.type == tokenize.COMMENT
    }
    lines = SOURCE.splitlines()
    settings = [n for n, line in enumerate(lines, 1) if line.startswith('    "') and '": ' in line]
    bare = [
        lines[n - 1].strip()
        for n in settings
        if n < lines.index("class BrokerAddress(msgspec.Struct, frozen=True):")
        and not _reason_above(n, comments, lines)
    ]

    assert bare == []


@pytest.mark.long
def test_a_session_trades_a_bracket_and_survives_an_outage_of_the_gateway():
    with (
        SimulatedTws() as tws,
        DrivenNode(tws.port, ours=True, instrument="MESZ6.XCME", bars=["5-SECOND"]) as node,
    ):
        assert "MESZ6.XCME" in node.wait("started")["instrument"]
        node.wait("quote")
        node.do("bracket", stop=6490.0, target=6515.0)
        node.wait("filled", role="entry")
        node.wait("accepted", role="target")
        tws.control.restart(3)
        tws.control.move(6489.75)
        node.wait("filled", 30, role="stop")
        node.wait("canceled", 30, role="target")
        node.settle(lambda now: now["net"] == 0)
        assert node.all("rejected") == []


@pytest.mark.long
def test_a_399_before_the_acknowledgement_still_rejects_what_lives():
    """No setting helps: a rejection is not certain until IB was asked."""
    with (
        SimulatedTws() as tws,
        DrivenNode(tws.port, ours=True, instrument="MESZ6.XCME") as node,
    ):
        node.wait("quote")
        tws.control.notice_orders(399, count=3)
        node.do("bracket", stop=6490.0, target=6515.0)
        node.wait("rejected", role="entry")
        assert (tws.control.net(), len(tws.control.open_orders())) == (1, 2)


def _reason_above(number: int, comments: set[int], lines: list[str]) -> bool:
    """Return whether a comment is above a setting, or above the settings it stands with."""
    while number > 1 and lines[number - 2].startswith('    "'):
        number -= 1
    return number - 1 in comments
