"""Databento's API: estimate a download request, fetch it within a budget, verify what is on disk.

The only package that imports the vendor's client, and it does so on first use. `request` reads the
YAML file, `partition` splits it into files, `estimate` prices the missing ones, `download` fetches
them, `manifest` records files and charges, `catalog_builder` builds the Parquet catalog. The format
of `manifest.json` is fixed: users have paid for what it lists. Imports: `config`, `market`, and of
`data` the packages `catalog`, `checks`, `dbn`, `symbology` and `synthetic`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qe_plugins.data.symbology.resolver import Resolver


def resolver(dataset: str = "GLBX.MDP3", gateway: str | None = None) -> Resolver:
    """Return a resolver of the symbols of `dataset`, free. Raises ConfigError without a key."""
    from qe_plugins.data.databento.client import connect

    return connect(dataset, gateway)
