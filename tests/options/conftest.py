"""Two days of real ES chains, read once."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from qe_plugins.data.options.frames import ChainData
from qe_plugins.data.options.lean import read_lean
from qe_plugins.options.quotes import QuoteRules, evaluated, with_underlying


@pytest.fixture(scope="session")
def chains(shared_data: Path) -> ChainData:
    """Return the chains of ES of 2020-01-05 and 2020-01-06."""
    return read_lean(shared_data / "es_options_2020", "ES")


@pytest.fixture(scope="session")
def two_days(chains: ChainData) -> pl.DataFrame:
    """Return every quote of them beside its future's price of the same minute, evaluated."""
    return evaluated(with_underlying(chains, 0), QuoteRules(widest=1e9))
