"""Structures on real symbols with made prices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from qe_plugins.market.listed_options import named_option
from qe_plugins.options.overlay.structures import Structure, StructureKind, StructureLeg

EXPIRY_DAY = date(2026, 1, 9)
FEE = Decimal("1.42")


def made_leg(right: str, strike: int, side: int, price: str, size: int = 100) -> StructureLeg:
    """Return a leg of the weekly option of a strike."""
    return StructureLeg(
        option=named_option(f"EW2F26 {right}{strike}", EXPIRY_DAY),
        side=side,
        price=Decimal(price),
        size=size,
    )


@pytest.fixture(scope="session")
def condor() -> Structure:
    """Return a condor 50 points wide a side for a credit of 10 points."""
    return made_condor()


def made_condor() -> Structure:
    """Return the condor of the fixture."""
    legs = (
        made_leg("P", 6800, -1, "12.00"),
        made_leg("P", 6750, 1, "7.00"),
        made_leg("C", 7200, -1, "9.00"),
        made_leg("C", 7250, 1, "4.00"),
    )
    return Structure(kind=StructureKind.IRON_CONDOR, legs=legs, fee=FEE)
