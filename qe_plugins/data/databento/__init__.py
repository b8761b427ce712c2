"""Databento: estimate a purchase, make it, verify what lies on the disk.

The only package that imports the vendor's client, and only when somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qe_plugins.data.symbology.resolver import Resolver


def resolver(dataset: str = "GLBX.MDP3", gateway: str | None = None) -> Resolver:
    """Return whoever resolves symbols of `dataset` for free. Raises ConfigError without a key."""
    from qe_plugins.data.databento.client import connect

    return connect(dataset, gateway)
