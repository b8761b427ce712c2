"""What tests of a live session share: a gateway in December 2026, and its clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock


@pytest.fixture
def clock() -> AheadClock:
    return AheadClock()


@pytest.fixture
def tws(clock: AheadClock) -> Iterator[SimulatedTws]:
    with SimulatedTws(clock=clock) as running:
        yield running
