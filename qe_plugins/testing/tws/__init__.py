"""A simulated TWS: a server on loopback that real clients of Interactive Brokers connect to.

It speaks the protobuf dialect (Nautilus' adapter) and the text dialect (`ib_async`), trades MES and
ES at prices of its own, and goes wrong on command: `with SimulatedTws() as tws:` in a test, or
`qe rehearse` at a terminal. Faults and messages may be added alone; other projects' tests use the
commands of `Controls`. Of the package it imports only its errors, and IB's protobuf classes.
"""

from __future__ import annotations

from qe_plugins.testing.tws.controls import Controls
from qe_plugins.testing.tws.exchange.prices import (
    RandomWalk,
    RecordedBars,
    ScriptedPrices,
    StillPrice,
)
from qe_plugins.testing.tws.gateway import Gateway, GatewaySettings
from qe_plugins.testing.tws.server import GatewayServer
from qe_plugins.testing.tws.simulated import RemoteTws, SimulatedTws
from qe_plugins.testing.tws.timetable import SteppedClock

__all__ = [
    "Controls",
    "Gateway",
    "GatewayServer",
    "GatewaySettings",
    "RandomWalk",
    "RecordedBars",
    "RemoteTws",
    "ScriptedPrices",
    "SimulatedTws",
    "SteppedClock",
    "StillPrice",
]
